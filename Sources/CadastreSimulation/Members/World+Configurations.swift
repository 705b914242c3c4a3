internal import CadastreNode
internal import CadastreStorage
internal import RaftCore

/// Who decides, as the log of each node has it: the simulation reads the entries itself, and does not
/// ask the product whom it holds for a voter.
extension World {
    /// A configuration, and the entry that brought it.
    struct LoggedConfiguration {
        var record: LogView.Record
        var configuration: Configuration
    }

    /// The newest configuration in a log, which is the one in force there (Raft §6); nil of a log
    /// without any.
    ///
    /// Cost: O(entries behind it).
    func newestConfiguration(in log: LogView) -> LoggedConfiguration? {
        for record in log.records.reversed() {
            guard let entry = entries[record.position] else {
                guard record.position == Genesis.position else { continue }
                return LoggedConfiguration(record: record, configuration: genesis.configuration)
            }
            guard case .configuration(let configuration) = entry.header.kind else { continue }
            return LoggedConfiguration(record: record, configuration: configuration)
        }
        return nil
    }

    /// A node's log lost its end, or is another one.
    func logChanged(_ node: SimulatedNode) {
        node.inForce = newestConfiguration(in: node.log)
        guard let inForce = node.inForce else { return }
        node.rules.append(inForce.configuration)
        mustAgree(node)
    }

    /// A configuration was appended to a node's log.
    func appended(
        _ configuration: Configuration,
        _ record: LogView.Record,
        to node: SimulatedNode
    ) throws(Violation) {
        let isNew = entries[record.position] == nil
        if isNew, let before = node.inForce {
            try Succession.check(before.configuration, configuration, at: record.position)
            let isKept =
                committed.record(at: before.record.position.index) == before.record
                || isHeld(before.record, under: before.configuration)
            guard isKept else {
                throw Violation(
                    .membership,
                    "node \(node.id) proposes the members of \(record.position) while those of "
                        + "\(before.record.position) are not committed"
                )
            }
        }
        node.inForce = LoggedConfiguration(record: record, configuration: configuration)
        node.rules.append(configuration)
        mustAgree(node)
    }

    private func mustAgree(_ node: SimulatedNode) { node.hasNewConfiguration = true }

    /// What the product holds for in force after a turn is what its log says.
    func checkConfiguration(of node: SimulatedNode) throws(Violation) {
        guard let inForce = node.inForce else { return }
        node.rules = [inForce.configuration]
        guard node.hasNewConfiguration else { return }
        node.hasNewConfiguration = false
        guard let believed = node.consensus?.configuration, believed != inForce.configuration else {
            return
        }
        throw Violation(
            .membership,
            "node \(node.id) goes by other members than those of \(inForce.record.position), the "
                + "newest in its log: \(believed.words) for \(inForce.configuration.words)"
        )
    }

    /// The operator is told that a change is done: nobody who left decides any more, and nothing takes
    /// it back.
    ///
    /// In the same turn, which began with `before`, the next one may have begun.
    func requireEnd(
        of reply: OutgoingReply,
        at node: SimulatedNode,
        since before: LoggedConfiguration?
    ) throws(Violation) {
        switch reply.content {
        case .memberPlan, .policyPlan: break
        case _: return
        }
        let isDone = [before, node.inForce].contains { logged in
            guard let logged else { return false }
            return logged.configuration.outgoing.isEmpty
                && logged.record.position.index <= node.commitIndex
        }
        guard isDone else {
            throw Violation(
                .membership,
                "node \(node.id) says that a change is done, and its newest configuration is joint "
                    + "or not committed"
            )
        }
    }

    /// Whether the disks of a quorum have an entry.
    ///
    /// A disk that was lost counts as long as the configuration means that one: what it had
    /// acknowledged was promised, and the majority of the others is enough to keep it.
    func isHeld(_ record: LogView.Record, under configuration: Configuration) -> Bool {
        configuration.isQuorum { voter in
            guard let place = place(of: voter) else { return false }
            let disk = configuration.member(voter)?.incarnation
            return monitor.holds(record, place, disk: disk)
        }
    }

    /// A node won an election: a quorum, as its own log names it, has durably voted for it in that
    /// term, each with the disk that is meant.
    func requireElection(of node: SimulatedNode, _ term: Term) throws(Violation) {
        guard let configuration = node.inForce?.configuration else {
            throw Violation(.membership, "node \(node.id) leads without a log")
        }
        let vote = HardState(term: term, vote: node.id)
        let isElected = configuration.isQuorum { voter in
            guard let place = place(of: voter) else { return false }
            let disk = configuration.member(voter)?.incarnation
            return monitor.hasVoted(
                vote,
                place,
                disk: disk,
                present: nodes[place].incarnation
            )
        }
        guard isElected else {
            throw Violation(
                .oneLeaderPerTerm,
                "node \(node.id) leads term \(term) without the durable votes of a quorum of "
                    + configuration.words
            )
        }
    }
}

extension Configuration {
    /// Whether those of whom a claim holds are a majority of the voters, and while joint of those
    /// before them too (Raft §6).
    ///
    /// The product has the same rule; this one shares no code with it.
    func isQuorum(_ claim: (NodeID) -> Bool) -> Bool {
        [voters, outgoing].allSatisfy { half in
            half.isEmpty || half.count(where: claim) * 2 > half.count
        }
    }

    /// For the story.
    fileprivate var words: String {
        let names = voters.map { "\($0)" }.joined(separator: ", ")
        guard !outgoing.isEmpty else { return "voters \(names)" }
        return "voters \(names), before \(outgoing.map { "\($0)" }.joined(separator: ", "))"
    }
}
