internal import CadastreProtocol
internal import CadastreStorage
internal import RaftCore

/// A log-only witness: it follows how far all is committed, executes nothing, and forgets what the
/// leader says that every full voter holds.
extension ConsensusStage {
    /// Passes over what is committed and durable here: of a witness that is all that *applied* means.
    mutating func passOver(into output: inout ConsensusOutput) {
        let last = delivery.committed
        if delivery.next <= last {
            for value in delivery.next.value...last.value {
                if let header = raft.header(at: LogIndex(value)) { snapshots.grew(by: header) }
            }
            delivery.passedOver()
            appliedIndex = last
        }
        cache.trim(through: min(last, raft.persistedIndex))
        forget(into: &output)
    }

    /// Compacts the log, a segment's worth at a time: files are given back whole.
    private mutating func forget(into output: inout ConsensusOutput) {
        let index = min(heldByAll, appliedIndex)
        guard index > raft.logBase.index,
            snapshots.costSince >= min(settings.snapshotInterval, settings.journal.segmentSize)
        else { return }
        snapshots.forgot()
        step(.compact(through: index), into: &output)
        output.journal.append(.compact(group, through: index))
    }

    /// A peer's snapshot says where the log may begin; the state itself is not wanted.
    mutating func begin(at start: LogStart, into output: inout ConsensusOutput) {
        if start.position.index > raft.commitIndex {
            step(.installSnapshot(start), into: &output)
        }
        if raft.commitIndex >= start.position.index {
            output.snapshots.append(.settled(start.position))
        }
    }

    /// Whom a client is sent to: never to a witness, which leads for a moment and serves nobody.
    var hint: NodeID {
        raft.leader == raft.configuration.witness ? .none : raft.leader
    }
}
