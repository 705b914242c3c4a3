internal import CadastreDisk
internal import RaftCore

/// The groups as a batch will leave them, while it is not yet durable.
struct StagedLogs {
    fileprivate struct Stage {
        var group: GroupID
        /// State, last position and hash after the batch; its places are not used.
        var log: JournalLog
        /// How many of the places that are durable stay.
        var kept: Int
        /// Headers of entries in this batch that stay, each with its number among the group's
        /// entries in the batch.
        var added: [(header: EntryHeader, number: Int)] = []
        /// How many entries of the group there are in the batch, removed ones included.
        var count = 0
        /// The places of all of them, once the batch has been laid out.
        var places: [EntryPlace] = []
    }

    private var stages: [Stage] = []

    /// Goes through the batch.
    ///
    /// A write that breaks the order is a bug.
    init(_ batch: [JournalWrite], in journal: Journal) throws(StorageError) {
        for write in batch {
            switch write {
            case .entry(let entry):
                let place = stage(entry.group, in: journal)
                let objection = stages[place].log.objection(toAppending: entry.header)
                precondition(objection == nil, objection ?? "")
                precondition(
                    entry.cluster == journal.identity.cluster,
                    "an entry of another cluster"
                )
                // Would be damage at the next start. Costs a SHA-256, so not in release.
                assert(entry.verifies(after: stages[place].log.hash), "an entry off the chain")
                stages[place].log.last = entry.position
                stages[place].log.hash = entry.hash
                stages[place].added.append((entry.header, stages[place].count))
                stages[place].count += 1
            case .truncate(let group, let index):
                let place = stage(group, in: journal)
                let objection = stages[place].log.objection(toTruncatingFrom: index)
                precondition(objection == nil, objection ?? "")
                try truncate(place, from: index, in: journal)
            case .hardState(let group, let state):
                let place = stage(group, in: journal)
                let objection = stages[place].log.objection(to: state)
                precondition(objection == nil, objection ?? "")
                stages[place].log.hardState = state
            }
        }
    }

    /// The groups in the batch, ascending.
    var groups: [GroupID] { stages.map(\.group) }

    /// The state of a group after the batch, if it is in it.
    subscript(group: GroupID) -> JournalLog? { stages.first { $0.group == group }?.log }

    /// Takes the place of the group's next entry.
    ///
    /// Entries that the same batch removes again are placed too, and forgotten when the batch is
    /// counted in.
    mutating func place(_ group: GroupID, _ place: EntryPlace) {
        for index in stages.indices where stages[index].group == group {
            stages[index].places.append(place)
        }
    }

    /// Makes the state of a group the durable one.
    func commit(_ group: GroupID, into logs: inout [GroupID: JournalLog]) {
        guard let stage = stages.first(where: { $0.group == group }) else { return }
        // Taken out and put back, so that the places are not copied.
        var log = logs.removeValue(forKey: group) ?? JournalLog()
        log.places.removeLast(log.places.count - stage.kept)
        log.places.append(contentsOf: stage.added.map { stage.places[$0.number] })
        log.hardState = stage.log.hardState
        log.last = stage.log.last
        log.hash = stage.log.hash
        logs[group] = log
    }

    private mutating func stage(_ group: GroupID, in journal: Journal) -> Int {
        if let place = stages.firstIndex(where: { $0.group >= group }) {
            if stages[place].group == group { return place }
            stages.insert(Stage(group, journal.logs[group]), at: place)
            return place
        }
        stages.append(Stage(group, journal.logs[group]))
        return stages.count - 1
    }

    private mutating func truncate(
        _ place: Int,
        from index: LogIndex,
        in journal: Journal
    ) throws(StorageError) {
        let left = Int(index.value) - 1
        let kept = stages[place].kept
        if left > kept {
            let added = stages[place].added
            stages[place].added.removeLast(added.count - (left - kept))
            stages[place].log.last = added[left - kept - 1].header.position
            stages[place].log.hash = added[left - kept - 1].header.hash
            return
        }
        stages[place].added.removeAll()
        stages[place].kept = left
        var header: EntryHeader?
        if left > 0, left < journal.logs[stages[place].group]?.places.count ?? 0 {
            let last = LogIndex(UInt64(left))
            header = try journal.entry(stages[place].group, at: last).header
        } else if left > 0 {
            // Nothing durable goes away; the durable end is the end.
            stages[place].log.last = journal.logs[stages[place].group]?.last ?? .zero
            stages[place].log.hash = journal.logs[stages[place].group]?.hash ?? .zero
            return
        }
        stages[place].log.last = header?.position ?? .zero
        stages[place].log.hash = header?.hash ?? .zero
    }
}

extension StagedLogs.Stage {
    fileprivate init(_ group: GroupID, _ log: JournalLog?) {
        self.group = group
        self.log = JournalLog()
        self.log.hardState = log?.hardState ?? .initial
        self.log.last = log?.last ?? .zero
        self.log.hash = log?.hash ?? .zero
        kept = log?.places.count ?? 0
    }
}
