internal import CadastreDisk
internal import RaftCore

/// The groups as a batch will leave them, while it is not yet durable.
struct StagedLogs {
    fileprivate struct Stage {
        var group: GroupID
        /// After the batch.
        var state: LogState
        /// The last of the durable entries that stay, or the start of the log.
        var kept: LogPosition
        var keptHash: EntryHash
        /// Headers of entries in this batch that stay; they follow.
        var added: [EntryHeader] = []
    }

    /// What the batch does to a group.
    private enum Change {
        case append(EntryHeader)
        case truncate(from: LogIndex, leaving: LogPosition, EntryHash)
        case hardState(HardState)
        case begin(LogStart)
    }

    private var stages: [Stage] = []
    /// All that the batch does, in its order.
    private var changes: [(group: GroupID, change: Change)] = []
    /// The places of its entries, in their order, once it has been laid out.
    private var places: [EntryPlace] = []

    /// Goes through the batch.
    ///
    /// A write that breaks the order is a bug.
    init(_ batch: [JournalWrite], in journal: Journal) throws(StorageError) {
        changes.reserveCapacity(batch.count)
        for write in batch {
            switch write {
            case .entry(let entry):
                let place = stage(entry.group, in: journal)
                let objection = stages[place].state.objection(toAppending: entry.header)
                precondition(objection == nil, objection ?? "")
                precondition(
                    entry.cluster == journal.identity.cluster,
                    "an entry of another cluster"
                )
                // Would be damage at the next start. Costs a SHA-256, so not in release.
                assert(entry.verifies(after: stages[place].state.hash), "an entry off the chain")
                stages[place].state.last = entry.position
                stages[place].state.hash = entry.hash
                stages[place].added.append(entry.header)
                changes.append((entry.group, .append(entry.header)))
            case .truncate(let group, let index):
                let place = stage(group, in: journal)
                let objection = stages[place].state.objection(toTruncatingFrom: index)
                precondition(objection == nil, objection ?? "")
                try truncate(place, from: index, in: journal)
                let state = stages[place].state
                changes.append(
                    (group, .truncate(from: index, leaving: state.last, state.hash))
                )
            case .hardState(let group, let state):
                let place = stage(group, in: journal)
                let objection = stages[place].state.objection(to: state)
                precondition(objection == nil, objection ?? "")
                stages[place].state.hardState = state
                changes.append((group, .hardState(state)))
            case .start(let group, let start):
                let place = stage(group, in: journal)
                let objection = stages[place].state.objection(toBeginningAt: start)
                precondition(objection == nil, objection ?? "")
                stages[place].begin(at: start)
                changes.append((group, .begin(start)))
            }
        }
    }

    /// The groups in the batch, ascending.
    var groups: [GroupID] { stages.map(\.group) }

    /// The state of a group after the batch, if it is in it.
    subscript(group: GroupID) -> LogState? { stages.first { $0.group == group }?.state }

    /// Takes the place of the next entry of the batch.
    mutating func place(_ place: EntryPlace) { places.append(place) }

    /// Does to the durable logs what the batch, now durable, does; it lies in `segment`.
    ///
    /// Entries that the same batch removes again are counted in and out.
    func commit(into logs: inout [GroupID: JournalLog], segment: UInt64) {
        var places = places.makeIterator()
        for (group, change) in changes {
            // Changed in place, so that the places are not copied.
            switch change {
            case .append(let header):
                guard let place = places.next() else {
                    preconditionFailure("entry \(header.position) was not laid out")
                }
                logs[group, default: JournalLog()].append(header, at: place)
            case .truncate(let index, let position, let hash):
                logs[group, default: JournalLog()]
                    .truncate(from: index, leaving: position, hash, in: segment)
            case .hardState(let state): logs[group, default: JournalLog()].set(state)
            case .begin(let start): logs[group, default: JournalLog()].begin(at: start)
            }
        }
    }

    private mutating func stage(_ group: GroupID, in journal: Journal) -> Int {
        let state = journal.logs[group]?.state ?? LogState()
        let place = stages.firstIndex { $0.group >= group } ?? stages.count
        if place < stages.count, stages[place].group == group { return place }
        stages.insert(
            Stage(group: group, state: state, kept: state.last, keptHash: state.hash),
            at: place
        )
        return place
    }

    private mutating func truncate(
        _ place: Int,
        from index: LogIndex,
        in journal: Journal
    ) throws(StorageError) {
        let last = index.previous
        let stage = stages[place]
        if last > stage.kept.index {
            stages[place].added.removeLast(last.distance(to: stage.state.last.index))
        } else {
            stages[place].added.removeAll()
            if last == stage.state.start.position.index {
                stages[place].kept = stage.state.start.position
                stages[place].keptHash = stage.state.start.hash
            } else if last < stage.kept.index {
                let header = try journal.entry(stage.group, at: last).header
                stages[place].kept = header.position
                stages[place].keptHash = header.hash
            }
        }
        stages[place].state.last = stages[place].added.last?.position ?? stages[place].kept
        stages[place].state.hash = stages[place].added.last?.hash ?? stages[place].keptHash
    }
}

extension StagedLogs.Stage {
    /// Nothing that is durable stays.
    fileprivate mutating func begin(at start: LogStart) {
        state.start = start
        state.last = start.position
        state.hash = start.hash
        kept = start.position
        keptHash = start.hash
        added.removeAll()
    }
}
