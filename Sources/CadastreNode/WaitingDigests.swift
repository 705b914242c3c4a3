internal import CadastreProtocol
internal import CadastreStateMachine
internal import RaftCore

/// Digests that operators asked for: first they wait for an index, where the digest kept is noted,
/// so that all nodes answer for the same one; then for the rows to be read.
struct WaitingDigests {
    /// One whose index is applied.
    struct Noted {
        var key: RequestKey
        var index: LogIndex
        /// The digest kept there.
        var digest: StateDigest
        var deadline: UInt64
    }

    private var early: [(key: RequestKey, index: LogIndex, deadline: UInt64)] = []
    /// For the next reading of all rows.
    private var noted: [Noted] = []
    /// For the one that is under way, which began after they came.
    private var underWay: [Noted] = []

    /// All that wait are answered by two readings of the rows; more of them ask for nothing new.
    private static let maximumCount = 16
    /// No request may take longer.
    private static let patience = UInt64(ProtocolLimits.maximumDeadlineMilliseconds) * 1_000_000

    /// Whether rows are to be read for somebody.
    var areReady: Bool { !noted.isEmpty || !underWay.isEmpty }

    /// Whether nobody waits.
    var isEmpty: Bool { early.isEmpty && !areReady }

    /// Somebody asks.
    ///
    /// - Returns: False: too many do.
    mutating func add(_ key: RequestKey, index: LogIndex, at moment: UInt64) -> Bool {
        guard early.count + noted.count + underWay.count < Self.maximumCount else { return false }
        early.append((key, index, moment &+ Self.patience))
        return true
    }

    /// An entry was applied; called for each, so that the digest noted is that of this very index.
    mutating func applied(through index: LogIndex, digest: () -> StateDigest) {
        guard early.contains(where: { $0.index <= index }) else { return }
        let digest = digest()
        for item in early where item.index <= index {
            noted.append(
                Noted(key: item.key, index: index, digest: digest, deadline: item.deadline)
            )
        }
        early.removeAll { $0.index <= index }
    }

    /// A reading of the rows begins: for whom it was asked by now.
    ///
    /// Also for those whose reading was lost.
    mutating func begin() {
        underWay += noted
        noted.removeAll()
    }

    /// The reading is done.
    ///
    /// - Returns: Who gets its result.
    mutating func finish() -> [Noted] {
        defer { underWay.removeAll() }
        return underWay
    }

    /// Takes out what nobody waits for any more.
    mutating func takeExpired(at moment: UInt64) -> [RequestKey] {
        var expired = early.filter { $0.deadline < moment }.map(\.key)
        early.removeAll { $0.deadline < moment }
        expired += (noted + underWay).filter { $0.deadline < moment }.map(\.key)
        noted.removeAll { $0.deadline < moment }
        underWay.removeAll { $0.deadline < moment }
        return expired
    }

    /// Takes out those of connections that are closed.
    mutating func forget(_ connections: Set<UInt64>) -> [RequestKey] {
        func isClosed(_ key: RequestKey) -> Bool { connections.contains(key.connection) }
        let keys = (early.map(\.key) + (noted + underWay).map(\.key)).filter(isClosed)
        early.removeAll { isClosed($0.key) }
        noted.removeAll { isClosed($0.key) }
        underWay.removeAll { isClosed($0.key) }
        return keys
    }
}
