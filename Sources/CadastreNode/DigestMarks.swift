internal import CadastreProtocol
internal import CadastreStateMachine
internal import RaftCore

/// The digests of the own state at marked entries, to tell others and to compare with theirs.
///
/// The newest are kept: a leader's mark comes in an entry soon behind the one that it is about.
struct DigestMarks: Sendable {
    /// A digest, and when its entry was proposed.
    private struct Kept {
        var mark: DigestMark
        var milliseconds: UInt64
        var moment: Divergence.Moment {
            Divergence.Moment(index: mark.index, milliseconds: milliseconds)
        }
    }

    /// Ascending; at most ``maximumCount``.
    private var kept: [Kept] = []
    /// Those noted since the last report, ascending but where a transaction was lost between.
    private var unreported: [DigestMark] = []
    /// The newest entry at which another node's digest was equal.
    private(set) var lastEqual: Divergence.Moment?

    /// With marks at every 1,024 entries these are 65,536 entries; a tick waits no such time.
    static let maximumCount = 64

    /// The state after an entry, proposed at that moment, has this digest; an entry that was lost
    /// comes again.
    mutating func note(_ mark: DigestMark, at milliseconds: UInt64) {
        kept.removeAll { $0.mark.index >= mark.index }
        if kept.count == Self.maximumCount { kept.removeFirst() }
        kept.append(Kept(mark: mark, milliseconds: milliseconds))
        unreported.append(mark)
    }

    /// Those noted since the last call.
    mutating func takeUnreported() -> [DigestMark] {
        defer { unreported.removeAll() }
        return unreported
    }

    /// Compares a leader's mark with the own one at its index, where that is known.
    ///
    /// - Throws: `diverged`.
    mutating func compare(_ mark: TickMark) throws(StateMachineError) {
        let index = LogIndex(mark.index)
        guard let own = kept.last(where: { $0.mark.index == index }) else { return }
        let digest = StateDigest(high: mark.digestHigh, low: mark.digestLow)
        guard own.mark.digest == digest else {
            throw .diverged(Divergence(first: own.moment, lastEqual: lastEqual))
        }
        if index >= lastEqual?.index ?? .zero { lastEqual = own.moment }
    }
}
