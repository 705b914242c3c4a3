internal import CadastreProtocol
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// Entries: executed in order, each exactly once as far as its effects go.
extension ApplyStage {
    /// Applies one entry and answers those who wait for it.
    ///
    /// Its share of storing is owed until the next entry, or the end of the turn: a COMMIT whose
    /// checkpoint fails has kept the entry, which is not applied again, so its replies must be out
    /// before; and nobody should wait for it.
    ///
    /// - Returns: Where application must begin again, if the transaction was lost.
    func take(
        _ committed: CommittedEntry,
        into output: inout ApplyOutput
    ) throws(StateMachineError) -> LogIndex? {
        let index = committed.entry.header.index
        // Handed over twice after a lost transaction: already in.
        guard index > stateMachine.applied.index else { return nil }
        if awaitsReapplication, index > stateMachine.applied.index.next {
            drop(committed)
            return nil
        }
        if let lost = try storeWhatIsOwed() {
            drop(committed)
            return lost
        }
        awaitsReapplication = false
        if let lost = try apply(committed, into: &output) { return lost }
        owesStoring = true
        furthest = max(furthest, index)
        if index.value.isMultiple(of: settings.digestInterval) {
            marks.note(
                DigestMark(index: index, digest: stateMachine.digest),
                at: committed.entry.now
            )
        }
        digests.applied(through: index) { stateMachine.digest }
        return nil
    }

    /// Ends the transaction if it is large, or stores a piece of it.
    ///
    /// - Returns: As ``take(_:into:)``.
    func storeWhatIsOwed() throws(StateMachineError) -> LogIndex? {
        guard owesStoring else { return nil }
        owesStoring = false
        return try surviving { () throws(StateMachineError) in
            try stateMachine.endOfTurn(idle: false)
        }
    }

    /// Remembers who waits for an entry that comes again.
    func drop(_ committed: CommittedEntry) {
        guard committed.keys.contains(where: { $0 != nil }) else { return }
        droppedKeys[committed.entry.header.position] = committed.keys
    }

    private func apply(
        _ committed: CommittedEntry,
        into output: inout ApplyOutput
    ) throws(StateMachineError) -> LogIndex? {
        let entry = committed.entry
        let keys = droppedKeys.removeValue(forKey: entry.header.position) ?? committed.keys
        if let decoded = committed.commands {
            commands = decoded
        } else {
            try decode(entry)
        }
        replies.removeAll(keepingCapacity: true)
        let lost = try surviving { () throws(StateMachineError) in
            try stateMachine.apply(
                EntryContext(
                    position: entry.header.position,
                    kind: entry.header.kind,
                    now: entry.now,
                    random: entry.random,
                    featureLevel: entry.featureLevel
                ),
                commands: commands,
                into: &replies
            )
        }
        if let lost {
            drop(CommittedEntry(entry: entry, keys: keys))
            return lost
        }
        try compareMarks()
        precondition(
            replies.count == commands.count,
            "\(commands.count) commands gave \(replies.count) replies"
        )
        guard !keys.isEmpty else { return nil }
        precondition(
            keys.count == commands.count,
            "\(commands.count) commands, but \(keys.count) keys"
        )
        for (place, key) in keys.enumerated() {
            guard let key else { continue }
            output.replies.append(
                OutgoingReply(
                    key: key,
                    appliedIndex: entry.header.index,
                    content: .command(replies[place])
                )
            )
        }
        return nil
    }

    /// Compares what the leader says of its state with the own one.
    ///
    /// Before anything of this entry is answered: who differs serves nothing more. Clients send no
    /// ticks, and one that did would not be a node.
    private func compareMarks() throws(StateMachineError) {
        // A tick opens its block.
        guard let first = commands.first, case .tick(let tick) = first.command,
            case .node = first.principal, let mark = tick.mark
        else { return }
        try marks.compare(mark)
        if let equal = marks.lastEqual { foundEqual(at: equal.index) }
    }

    /// Decodes an entry's commands.
    ///
    /// What is committed was validated before it was proposed, and decoded by every follower before
    /// it was stored: what cannot be decoded now would make nodes differ, so this one stops.
    private func decode(_ entry: Entry) throws(StateMachineError) {
        commands.removeAll(keepingCapacity: true)
        do throws(StorageError) {
            try entry.decodeCommands(into: &commands)
        } catch {
            throw .unreadableEntry(entry.header.position, reason: "\(error)")
        }
    }
}
