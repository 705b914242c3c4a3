internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// What the operator wants, and what becomes of it.
extension World {
    /// The operator looks at the cluster: it wants something new, or the next step of what it wants.
    func operate() {
        guard let members = scenario.members else { return }
        plan(.operate, after: chance.draw(members.interval))
        guard !owner.isWaiting else { return }
        if owner.steps.isEmpty {
            guard case .faults = phase else { return }
            choose()
        }
        if !owner.steps.isEmpty { ask() }
    }

    // MARK: Asking

    private func ask() {
        guard let members = scenario.members, let step = owner.steps.last else { return }
        owner.asked += 1
        owner.isWaiting = true
        owner.attempts += 1
        tell("the operator asks node \(owner.node + 1) to \(step)")
        plan(.operatorWaits(owner.asked), after: chance.draw(members.patience))
        guard !chance.perMille(network.quality.lossPerMille) else { return }
        plan(
            .operatorRequest(owner.asked, request(for: step), to: owner.node),
            after: network.delay(&chance)
        )
    }

    private func request(for step: Operator.Step) -> Operator.Request {
        func number(_ place: Int) -> UInt64 { nodes[place].id.value }
        // What the node's folder was founded as, it says itself.
        func joining(_ place: Int) -> MemberDescription {
            MemberDescription(nodes[place].member(place == scenario.witness ? .witness : .learner))
        }
        return switch step {
        case .add(let place): .members(.add(joining(place)))
        case .rejoin(let place): .members(.rejoin(joining(place)))
        case .promote(let place): .members(.promote(number(place)))
        case .demote(let place): .members(.demote(number(place)))
        case .remove(let place): .members(.remove(number(place)))
        case .replace(let place, let other): .members(.replace(number(place), by: number(other)))
        case .setPolicy(let policy):
            .policy(PolicyChange(from: newestConfiguration?.policy ?? Policy(), to: policy))
        }
    }

    /// A request gets to a node, if the process is there.
    func arrive(_ number: UInt64, _ request: Operator.Request, at place: Int) {
        guard number > owner.newestBeforeWipe else { return }
        let key = RequestKey(connection: Operator.connection, request: number)
        switch request {
        case .members(let change): give(.changeMembers(change, key, isDryRun: false), to: place)
        case .policy(let change): give(.setPolicy(change, key, isDryRun: false), to: place)
        }
    }

    /// The operator was not answered in time: it asks again, elsewhere.
    func operatorWaits(_ number: UInt64) {
        guard owner.isWaiting, owner.asked == number else { return }
        owner.node = chance.below(nodes.count)
        askAgain()
    }

    /// An answer gets to the operator.
    func operatorHears(_ reply: OutgoingReply) throws(Violation) {
        guard owner.isWaiting, reply.key.request == owner.asked,
            let step = owner.steps.last
        else { return }
        tell("the operator hears: \(reply.words)")
        switch reply.content {
        case .memberPlan, .policyPlan: finished(step)
        case .unknown:
            reach.mark(.memberChangeUnknown)
            askAgain()
        case .refused(let refusal, let leader): refused(refusal, leader, step)
        case .forbidden(let refusal, _): refused(refusal, .none, step)
        case .command, .answer, .page, .digest, .transferred:
            throw Violation(.unexpectedStop, "the operator is answered \(reply.words)")
        }
    }

    private func refused(_ refusal: Refusal, _ leader: NodeID, _ step: Operator.Step) {
        switch refusal {
        case .notLeader:
            let hint = Int(leader.value) - 1
            owner.node = nodes.indices.contains(hint) ? hint : chance.below(nodes.count)
            askAgain()
        case .noSuchMember:
            // What was asked before and not answered may have happened.
            if case .remove = step { finished(step) } else { giveUp(step, refusal) }
        case .notCaughtUp:
            reach.mark(.promotionRefused)
            askAgain()
        case .quorumUnreachable:
            reach.mark(.quorumKept)
            // A witness votes from its entry on, and nobody hears it before: beside one voter it never
            // makes a quorum.
            if case .add(let place) = step, place == scenario.witness {
                giveUp(step, refusal)
            } else {
                askAgain()
            }
        case .membersChanging:
            reach.mark(.changeRefusedMeanwhile)
            askAgain()
        case .notReady: askAgain()
        case _: giveUp(step, refusal)
        }
    }

    /// The same, a little later; or something else, if it was asked for often enough.
    private func askAgain() {
        owner.isWaiting = false
        let isEnough = owner.attempts >= scenario.members?.maximumAttempts ?? 0
        guard isEnough, !owner.isRepair, case .faults = phase else { return }
        if let step = owner.steps.last { tell("the operator does not \(step) any more") }
        owner.steps = []
        owner.attempts = 0
    }

    private func giveUp(_ step: Operator.Step, _ refusal: Refusal) {
        tell("the operator cannot \(step): \(refusal)")
        owner.isWaiting = false
        owner.attempts = 0
        owner.steps = []
        // What a wiped disk needs is found anew.
        if owner.isRepair { repair() }
    }

    private func finished(_ step: Operator.Step) {
        tell("the operator is done: \(step)")
        owner.isWaiting = false
        owner.attempts = 0
        owner.steps.removeLast()
        switch step {
        case .add: reach.mark(.memberAdded)
        case .rejoin: reach.mark(.rejoined)
        case .promote(let place):
            reach.mark(.promoted)
            if place == owner.wiped { isRepaired() }
        case .demote: reach.mark(.demoted)
        case .remove(let place):
            reach.mark(.memberRemoved)
            if place == owner.wiped, owner.steps.isEmpty { isRepaired() }
        case .replace(let place, _):
            reach.mark(.memberReplaced)
            if place == owner.wiped { isRepaired() }
        case .setPolicy: reach.mark(.policySet)
        }
    }

    private func isRepaired() {
        if let place = owner.wiped { planOldDisk(place) }
        owner.wiped = nil
        owner.isRepair = false
    }

    // MARK: Wanting

    /// Looks for something to want, in a cluster whose members all agree on who they are.
    private func choose() {
        owner.isRepair = false
        owner.attempts = 0
        guard let now = newestConfiguration, isChosen() else { return }
        var policyChance = Chance(seed: seed ^ UInt64(faultNumber) ^ 0x706F_6C69_6379_2121)
        if policyChance.oneIn(8) {
            owner.steps = [.setPolicy(policy(for: now, &policyChance))]
            return
        }
        let voters = now.voters.compactMap(place(of:))
        let learners = now.members.filter { $0.role == .learner }.compactMap { place(of: $0.id) }
        let members = now.members.compactMap { place(of: $0.id) }
        let outside = nodes.indices.filter { !members.contains($0) && !nodes[$0].hasOldDisk }
        let leader = voters.first { nodes[$0].isUp && nodes[$0].role == .leader }
        func voter() -> Int {
            if chance.oneIn(2), let leader { return leader }
            return chance.pick(voters)
        }
        switch chance.below(12) {
        case 0..<4 where scenario.members?.wipes == true && mayWipe(now):
            wipe(nodes[chance.oneIn(6) && !learners.isEmpty ? chance.pick(learners) : voter()])
            repair()
        case 4..<6 where !outside.isEmpty:
            let place = chance.pick(outside)
            owner.steps = [.replace(voter(), by: place), .add(place)]
        case 4..<8 where !outside.isEmpty:
            let place = chance.pick(outside)
            owner.steps = chance.oneIn(3) ? [.add(place)] : [.promote(place), .add(place)]
        case 4..<9 where !learners.isEmpty:
            owner.steps = [.promote(chance.pick(learners))]
        case 9 where voters.count > 2 || chance.oneIn(4): owner.steps = [.demote(voter())]
        case 10 where voters.count > 2 || chance.oneIn(4): owner.steps = [.remove(voter())]
        case 11 where !learners.isEmpty: owner.steps = [.remove(chance.pick(learners))]
        case _: break
        }
    }

    /// Where the leader is wanted, and what sites are good for.
    private func policy(for now: Configuration, _ chance: inout Chance) -> Policy {
        var policy = Policy()
        if chance.oneIn(2) { policy.allowedCountries = ["fr"] }
        if chance.oneIn(2) { policy.preferredLeaders = [chance.pick(now.members).site] }
        policy.survivesOneSite = chance.oneIn(3)
        return policy
    }

    /// What brings back what a wiped disk took: the number with its new disk, or another node in its
    /// place.
    func repair() {
        guard let place = owner.wiped else { return }
        owner.isRepair = true
        owner.attempts = 0
        let now = newestConfiguration
        let isMember = now?.member(nodes[place].id) != nil
        let outside = nodes.indices.filter {
            $0 != place && now?.member(nodes[$0].id) == nil && !nodes[$0].hasOldDisk
        }
        switch chance.below(4) {
        case 0 where isMember && !outside.isEmpty:
            let other = chance.pick(outside)
            owner.steps = [.replace(place, by: other), .add(other)]
        case 1: owner.steps = [.promote(place), .add(place), .remove(place)]
        case _:
            owner.steps =
                isMember ? [.promote(place), .rejoin(place)] : [.promote(place), .add(place)]
        }
    }

    /// The configuration that the leader of the newest term has.
    var newestConfiguration: Configuration? {
        let leader = nodes.filter { $0.isUp && $0.role == .leader }
            .max { $0.term < $1.term }
        return leader?.consensus?.status.configuration
    }
}

extension SimulatedNode {
    /// It as a member, as it would say of itself to an operator's tool.
    func member(_ role: MemberRole) -> Member {
        Member(
            id: id,
            incarnation: incarnation,
            role: role,
            site: "fr/site-\(place + 1)",
            peerAddress: "peer-\(place + 1):1",
            clientAddress: "client-\(place + 1):1",
            administrationAddress: "admin-\(place + 1):1"
        )
    }
}
