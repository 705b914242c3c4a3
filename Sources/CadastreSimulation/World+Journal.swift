internal import CadastreDisk
internal import CadastreNode
internal import CadastreStorage
internal import RaftCore

/// Turns of the journal stage: what it says is durable is looked for among the bytes that the disk
/// really synced.
extension World {
    func journalTurn(_ node: SimulatedNode) throws(Violation) {
        guard let journal = node.journal else { return }
        var events = node.journalInbox
        node.journalInbox = []
        let asked = events
        var results: [JournalResult] = []
        node.watched.forget()
        do throws(StorageError) {
            try journal.turn(&events, into: &results)
        } catch {
            try diskStopped(node, "\(error)")
            return
        }
        try synced(node, asked, unwritten: events, results)
        if results.contains(where: \.isCompaction) { interruptCompaction(of: node) }
        do throws(StorageError) {
            try journal.followUp()
        } catch {
            try diskStopped(node, "\(error)")
            return
        }
        // Writes that found no room come first in the next turn.
        node.journalInbox.insert(contentsOf: events, at: 0)
        let isSlow = now < node.slowUntil
        var time =
            isSlow
            ? chance.draw(50 * Span.millisecond...scenario.paces.slowest)
            : chance.draw(scenario.syncTime)
        if let readTime = scenario.paces.readTime, results.contains(where: \.isRead) {
            time += chance.draw(readTime)
        }
        plan(.journalFinished(node.place, results, life: node.life), after: time)
    }

    /// What the journal took in a turn, it must have synced, and only that may it report.
    private func synced(
        _ node: SimulatedNode,
        _ asked: [JournalEvent],
        unwritten: [JournalEvent],
        _ results: [JournalResult]
    ) throws(Violation) {
        let all = Self.writes(of: asked)
        let taken = all.dropLast(Self.writes(of: unwritten).count)
        for (_, write) in taken {
            guard node.watched.hasSynced(write.recordTail) else {
                throw Violation(
                    .persistBeforeSend,
                    "the journal of node \(node.id) takes for durable what it did not sync: "
                        + write.words
                )
            }
        }
        if !taken.isEmpty {
            tell(
                "node \(node.id) syncs "
                    + taken.map(\.write.words).joined(separator: ", ")
            )
        }
        try monitor.synced(node.place, taken.map(\.write), committed: committed)
        node.unsynced.removeFirst(taken.count)
        var isInstall = false
        for case (_, .start) in taken {
            interruptInstall(node)
            isInstall = true
        }
        if isInstall { try countInstall(of: node) }
        for case .persisted(let number) in results {
            guard all.dropFirst(taken.count).allSatisfy({ $0.number > number }) else {
                throw Violation(
                    .persistBeforeSend,
                    "the journal of node \(node.id) reports \(number.value), and hands it back"
                )
            }
        }
    }

    /// Files go, one after the other, the first at once, the others while the journal may have nothing
    /// to write: what a crash leaves then is rarely met by crashes at any time.
    private func interruptCompaction(of node: SimulatedNode) {
        var chance = Chance(seed: seed ^ now ^ 0x636F_6D70_6163_7421)
        guard case .faults = phase, scenario.weak.contains(node.place), chance.oneIn(16), isChosen()
        else { return }
        faultCount += 1
        if chance.oneIn(2) {
            node.disk.crash(atOperation: 1 + chance.below(6))
        } else {
            plan(
                .crash(node.place, life: node.life),
                after: chance.draw(0...60 * Span.millisecond)
            )
        }
    }

    private static func writes(
        of events: [JournalEvent]
    ) -> [(number: PersistNumber, write: JournalWrite)] {
        var all: [(number: PersistNumber, write: JournalWrite)] = []
        for case .write(let number, let writes) in events {
            for write in writes { all.append((number, write)) }
        }
        return all
    }

    func journalFinished(_ place: Int, _ results: [JournalResult], _ life: Int) throws(Violation) {
        let node = nodes[place]
        guard node.life == life else { return }
        node.isBusy[Stage.journal.rawValue] = false
        for result in results {
            switch result {
            case .persisted(let number):
                if isSilenced(node) { continue }
                node.consensusInbox.append(.persisted(number))
            case .entriesRead(let purpose, let entries):
                node.consensusInbox.append(.entriesRead(purpose, entries))
            case .diskFull(let isFull):
                tell("node \(node.id) \(isFull ? "has no room" : "has room again")")
                node.consensusInbox.append(.diskFull(isFull))
            case .compacted(_, let start):
                tell("node \(node.id) gives back its log through \(start.position)")
            case .repairAnswer(let frame): try sendRepair(frame, from: node)
            case .repairFault(let fault):
                throw Violation(
                    .unexpectedStop,
                    "node \(node.id) complains about node \(fault.peer): \(fault.reason)"
                )
            }
        }
        if !results.isEmpty { wake(node, .consensus) }
        if !node.journalInbox.isEmpty { wake(node, .journal) }
    }
}

extension JournalResult {
    fileprivate var isCompaction: Bool { if case .compacted = self { true } else { false } }
    fileprivate var isRead: Bool { if case .entriesRead = self { true } else { false } }
}

extension JournalWrite {
    /// The end of its record as it must stand in the file: the kind, and all of the content.
    ///
    /// What stands before, a sum and an offset, differs from file to file.
    var recordTail: [UInt8] {
        func bytes(_ value: UInt64, width: Int) -> [UInt8] {
            (0..<width).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
        }
        return switch self {
        case .entry(let entry): bytes(1, width: 4) + entry.bytes
        case .truncate(let group, let index):
            bytes(2, width: 4) + bytes(UInt64(group.value), width: 8) + bytes(index.value, width: 8)
        case .hardState(let group, let state):
            bytes(3, width: 4) + bytes(UInt64(group.value), width: 8)
                + bytes(state.term.value, width: 8) + bytes(state.vote.value, width: 8)
        case .start(let group, let start):
            bytes(4, width: 4) + bytes(UInt64(group.value), width: 8)
                + bytes(start.position.index.value, width: 8)
                + bytes(start.position.term.value, width: 8)
        }
    }
}
