package import CadastreProtocol
package import RaftCore

/// A change of members that somebody waits for.
struct WaitingChange: Sendable {
    /// Who waits.
    var key: RequestKey
    /// What is answered once it is done.
    var answer: ReplyContent
    /// The configuration at its end.
    var target: Configuration
    /// The term in which it was asked for: in another one nobody knows what becomes of it.
    var term: Term
    /// Where the entry of `target` stands, once it is proposed.
    var index: LogIndex?
}

/// Changing who belongs to the group: from what an operator asks to the committed configuration.
extension ConsensusStage {
    /// Begins a change and answers once it is committed, or says why it cannot be; in a dry run,
    /// only says what would be done.
    ///
    /// What is so already is answered as done: an operator, or a program, whose answer was lost
    /// asks again.
    mutating func changeMembers(
        _ change: MemberChange,
        key: RequestKey,
        isDryRun: Bool,
        into output: inout ConsensusOutput
    ) {
        let target: Configuration
        do throws(Refusal) {
            // Before the rest: another node's configuration may be the older one.
            guard raft.role == .leader else { throw .notLeader }
            target = try raft.configuration.changed(by: change)
            if let reason = raft.refusal(ofChangeTo: target), reason != .unchanged {
                refuse(key, reason, ofChangeTo: target, into: &output)
                return
            }
            guard !promotesUnheard(target) else { throw .notCaughtUp }
        } catch {
            refuse(key, error, into: &output)
            return
        }
        let plan = MemberPlan(
            before: raft.configuration.members.map { MemberDescription($0) },
            after: target.members.map { MemberDescription($0) },
            isJoint: target.voters != raft.configuration.voters
        )
        begin(.memberPlan(plan), to: target, for: key, isDryRun: isDryRun, into: &output)
    }

    /// Begins a change that nothing speaks against; what is so already, and a dry run, is answered
    /// at once.
    mutating func begin(
        _ answer: ReplyContent,
        to target: Configuration,
        for key: RequestKey,
        isDryRun: Bool,
        into output: inout ConsensusOutput
    ) {
        guard !isDryRun, target != raft.configuration else {
            self.answer(key, answer, into: &output)
            return
        }
        change = WaitingChange(key: key, answer: answer, target: target, term: raft.term)
        step(.changeConfiguration(to: target), into: &output)
    }

    /// Whether a vote goes to a node that has acknowledged nothing yet: however short the log is, it
    /// may not be there at all.
    private func promotesUnheard(_ target: Configuration) -> Bool {
        let voters = raft.configuration.voters
        // A witness needs no state: the log's end, with what follows it, is there in a moment.
        return target.fullVoters.contains { voter in
            !voters.contains(voter) && voter != identity.node
                && raft.peers.first { $0.id == voter }?.matchIndex ?? .zero == .zero
        }
    }

    /// An entry is about to be proposed at the end of the log.
    mutating func noteProposal(of kind: EntryKind) {
        guard case .configuration(let configuration) = kind, configuration == change?.target
        else { return }
        change?.index = raft.lastPosition.index.next
    }

    /// Answers the change that is waited for once it is committed, or cannot be followed any more.
    mutating func settleChange(into output: inout ConsensusOutput) {
        guard let change else { return }
        if raft.term == change.term, let index = change.index, raft.commitIndex >= index {
            self.change = nil
            answer(change.key, change.answer, into: &output)
        } else if raft.role != .leader || raft.term != change.term {
            // The joint entry may live on: whoever leads next goes on from there.
            self.change = nil
            callUnknown(change.key, into: &output)
        }
    }

    /// Forgets what is kept of peers that left, or whose number belongs to another disk now.
    mutating func membersChanged(from before: [Member], to after: [Member]) {
        for old in before where old.id != identity.node {
            let now = after.first { $0.id == old.id }
            guard now?.incarnation != old.incarnation else { continue }
            clocks.forget(old.id)
            appendQueues.forget(old.id)
            connectedPeers.removeAll { $0 == old.id }
            unconfirmedPeers.removeAll { $0 == old.id }
            // Raft knows numbers: an acknowledgement of the old disk would count for the new one.
            if now != nil { unconfirmedPeers.append(old.id) }
        }
    }

    private func answer(
        _ key: RequestKey,
        _ answer: ReplyContent,
        into output: inout ConsensusOutput
    ) {
        output.replies.append(
            OutgoingReply(key: key, appliedIndex: .zero, content: answer)
        )
    }
}

extension Configuration {
    /// The configuration after one change; the same where it is so already.
    ///
    /// - Throws: The refusal that says what does not fit.
    fileprivate func changed(by change: MemberChange) throws(Refusal) -> Configuration {
        var result = self
        switch change {
        case .add(let description):
            let new = try Member(joining: description)
            if let present = member(new.id) {
                guard present.incarnation == new.incarnation else { throw .memberExists }
                return self
            }
            try checkIsFree(new)
            guard new.role != .witness || witness == .none else { throw .notForWitness }
            result.members.append(new)
            result.members.sort { $0.id < $1.id }
        case .rejoin(let description):
            let new = try Member(joining: description)
            let place = try place(of: new.id)
            if members[place].incarnation == new.incarnation { return self }
            guard members[place].role != .witness, new.role != .witness else {
                throw .notForWitness
            }
            try checkIsFree(new)
            result.members[place] = new
        case .promote(let node):
            let place = try place(of: NodeID(node))
            // A witness has its vote from the beginning.
            if !members[place].votes { result.members[place].role = .voter }
        case .demote(let node):
            let place = try place(of: NodeID(node))
            guard members[place].role != .witness else { throw .notForWitness }
            result.members[place].role = .learner
        case .remove(let node):
            result.members.remove(at: try place(of: NodeID(node)))
        case .replace(let node, let other):
            let place = try place(of: NodeID(other))
            guard members[place].role != .witness else { throw .notForWitness }
            // Where the same was asked before, the one is gone and the other votes.
            guard member(NodeID(node)) != nil || members[place].role == .voter else {
                throw .noSuchMember
            }
            result.members[place].role = .voter
            result.members.removeAll { $0.id == NodeID(node) }
        }
        guard result.hasFullVoter else { throw .noVoterLeft }
        guard result.members.count <= Limits.maximumMembers else { throw .tooManyMembers }
        return result
    }

    private func place(of node: NodeID) throws(Refusal) -> Int {
        guard let place = members.firstIndex(where: { $0.id == node }) else {
            throw .noSuchMember
        }
        return place
    }

    /// Whether no other member has the disk or an address of a node that comes in.
    private func checkIsFree(_ new: Member) throws(Refusal) {
        let others = members.filter { $0.id != new.id }
        guard !others.contains(where: { $0.incarnation == new.incarnation }) else {
            throw .memberExists
        }
        let taken = others.flatMap(\.addresses)
        guard !new.addresses.contains(where: taken.contains) else { throw .addressTaken }
    }
}

extension Member {
    fileprivate var addresses: [String] { [peerAddress, clientAddress, administrationAddress] }

    /// A node that comes in: as a learner, or as the witness that it says it is.
    ///
    /// - Throws: `invalidValue` where the door has let in what is no incarnation.
    fileprivate init(joining description: MemberDescription) throws(Refusal) {
        guard let incarnation = Incarnation(hexadecimal: description.incarnation) else {
            throw .invalidValue
        }
        self.init(
            id: NodeID(description.node),
            incarnation: incarnation,
            role: description.role == "\(MemberRole.witness)" ? .witness : .learner,
            site: description.site,
            peerAddress: description.peerAddress,
            clientAddress: description.clientAddress,
            administrationAddress: description.administrationAddress
        )
    }
}

extension MemberDescription {
    /// A member as an operator reads it.
    package init(_ member: Member) {
        self.init(
            node: member.id.value,
            role: "\(member.role)",
            site: member.site,
            peerAddress: member.peerAddress,
            clientAddress: member.clientAddress,
            administrationAddress: member.administrationAddress,
            incarnation: member.incarnation.hexadecimal
        )
    }
}

extension Refusal {
    /// What Raft says, as a client reads it.
    init(_ reason: ConfigurationRefusal) {
        switch reason {
        case .notLeader: self = .notLeader
        case .notReady, .transferring: self = .notReady
        case .changeInProgress: self = .membersChanging
        case .mustBeLearner: self = .mustBeLearner
        case .notCaughtUp: self = .notCaughtUp
        case .wouldLoseQuorum: self = .quorumUnreachable
        case .outsidePolicy: self = .countryNotAllowed
        case .spreadBroken: self = .spreadBroken
        case .keepsItsRole: self = .notForWitness
        // What is unchanged is answered before; what is unusable was refused by its own name.
        case .unchanged, .unusable: self = .invalidValue
        }
    }
}
