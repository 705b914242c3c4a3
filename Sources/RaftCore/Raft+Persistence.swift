/// Asking for durable writes, and making promises that rest on them.
extension Raft {
    /// Says something at once, or, where it rests on a write that is not durable yet, after that.
    ///
    /// Whatever carries this member's own term rests on that term: a member that forgets a term in
    /// which it promised something could promise the opposite. Only the questions and grants of a
    /// pre-vote, which name a term that nobody has entered, rest on nothing.
    mutating func send(
        _ body: MessageBody,
        to peer: NodeID,
        after number: PersistNumber = .zero,
        into effects: inout Effects
    ) {
        let message = Message(group: group, from: id, to: peer, term: term, body: body)
        let needed = max(number, durability.termNumber)
        if let number = durability.promise(after: needed) {
            effects.messagesAfterPersist.append(DeferredMessage(number: number, message: message))
        } else {
            effects.messages.append(message)
        }
    }

    /// Says something about a term that would be: it promises nothing.
    func sendHypothetical(
        _ body: MessageBody,
        to peer: NodeID,
        term: Term,
        into effects: inout Effects
    ) {
        effects.messages.append(
            Message(group: group, from: id, to: peer, term: term, body: body)
        )
    }

    /// Takes a term or a vote and asks for it to be written.
    mutating func write(_ state: HardState, into effects: inout Effects) {
        precondition(
            state.term > term || (state.term == term && hardState.vote == .none),
            "a vote in term \(term) was given to \(hardState.vote) and cannot be changed"
        )
        let isNewTerm = state.term > term
        if isNewTerm { termLeader = .none }
        hardState = state
        let number = durability.willWriteHardState(newTerm: isNewTerm)
        effects.persists.append(Persist(number: number, hardState: state))
    }

    /// Appends entries, in place of those from `truncated` on, and asks for both to be written.
    mutating func write(
        _ headers: ArraySlice<EntryHeader>,
        truncatingFrom truncated: LogIndex?,
        into effects: inout Effects
    ) {
        let hadConfiguration = log.configurationIndex
        if let truncated {
            precondition(
                truncated > commitIndex,
                "truncation at \(truncated) of what is committed through \(commitIndex)"
            )
            log.truncate(from: truncated)
            durability.willTruncate(from: truncated)
        }
        let first = log.lastIndex.next
        for header in headers { log.append(header) }
        let number = durability.willWrite(through: log.lastIndex)
        effects.persists.append(
            Persist(
                number: number,
                truncateFrom: truncated,
                entries: headers.isEmpty ? nil : first..<log.lastIndex.next
            )
        )
        if log.configurationIndex != hadConfiguration
            || truncated.map({ $0 <= hadConfiguration }) == true
        {
            configurationChanged(into: &effects)
        }
    }

    /// Writes through `number` are durable: own votes and own entries count from here on.
    mutating func persisted(_ number: PersistNumber, into effects: inout Effects) {
        guard durability.persisted(number) else { return }
        switch current {
        case .candidate: countOwnVote(into: &effects)
        case .leader: ownMatchMoved(into: &effects)
        case .follower, .preCandidate: break
        }
    }

    /// All who belong to a configuration, ascending, each once.
    static func memberIDs(of configuration: Configuration) -> [NodeID] {
        var ids = configuration.members.map(\.id)
        for id in configuration.outgoing where !ids.contains(id) { ids.append(id) }
        return ids.sorted()
    }
}
