internal import CadastreNode
package import CadastreStateMachine
package import RaftCore

/// I4 and I9: one index, one digest, on whatever node and in whichever of its lives; and the digest
/// that is kept is the digest of the rows.
package struct StateAgreement {
    /// Looked up, never iterated.
    private var digests: [LogIndex: (digest: StateDigest, node: NodeID)] = [:]

    /// Nothing applied yet.
    package init() {}

    /// A node applied everything through a place.
    ///
    /// - Parameters:
    ///   - node: Which.
    ///   - position: The last entry that it applied.
    ///   - digest: Of its state now.
    ///   - committed: What is committed at that index.
    ///   - durable: What its own disk holds at that index.
    /// - Throws: If another state was seen there, or it applied what was not committed, or what it
    ///   would not find again after a crash.
    package mutating func applied(
        _ node: NodeID,
        _ position: LogPosition,
        digest: StateDigest,
        committed: LogView.Record?,
        durable: LogView.Record?
    ) throws(Violation) {
        guard position.index > .zero else { return }
        guard let committed, committed.position == position else {
            throw Violation(
                .stateMachineSafety,
                "node \(node) applied \(position), committed there is "
                    + (committed.map { "\($0.position)" } ?? "nothing")
            )
        }
        guard durable == committed else {
            throw Violation(
                .persistBeforeSend,
                "node \(node) applied \(position), durable in its own journal there is "
                    + (durable.map { "\($0.position)" } ?? "nothing")
            )
        }
        guard let known = digests[position.index] else {
            digests[position.index] = (digest, node)
            return
        }
        guard known.digest == digest else {
            throw Violation(
                .stateMachineSafety,
                "after \(position) node \(node) has digest \(digest), node \(known.node) "
                    + "\(known.digest)"
            )
        }
    }

    /// A node reported its digest at a marked index, which it has passed.
    ///
    /// - Throws: If another state was seen there.
    package mutating func marked(
        _ node: NodeID,
        at index: LogIndex,
        digest: StateDigest
    ) throws(Violation) {
        guard let known = digests[index] else {
            digests[index] = (digest, node)
            return
        }
        guard known.digest == digest else {
            throw Violation(
                .digest,
                "node \(node) reports digest \(digest) at index \(index), node \(known.node) has "
                    + "\(known.digest)"
            )
        }
    }

    /// A node recomputed its digest from its rows.
    ///
    /// - Throws: If it is not what was kept, or not what others had at that index.
    package func recomputed(
        _ node: NodeID,
        at index: LogIndex,
        kept: [UInt8],
        computed: [UInt8]
    ) throws(Violation) {
        guard kept == computed else {
            throw Violation(
                .digest,
                "node \(node) at index \(index): the digest kept is not that of its rows"
            )
        }
        if let known = digests[index], known.digest.bytes != kept {
            throw Violation(.digest, "node \(node) at index \(index) differs from others")
        }
    }
}
