internal import CadastreProtocol

/// One change of the cluster's members.
///
/// Each leaves a cluster that can decide, so a plan of several may be ended after any of them, and
/// begun again: what is so already is answered as done.
public enum MemberChange: Sendable, Hashable {
    /// A new node comes in: as a learner, which receives the log and does not vote, or as a witness,
    /// which votes at once and keeps no state.
    case add(Member)
    /// A member comes back with a new disk, as a learner: the old disk's votes count no more.
    case rejoin(Member)
    /// A learner that has caught up gets a vote.
    case promote(UInt64)
    /// A voter becomes a learner.
    case demote(UInt64)
    /// A member leaves; the leader too, which hands over then.
    case remove(UInt64)
    /// The one leaves and the other, a member that has caught up, gets a vote, both at once.
    case replace(UInt64, by: UInt64)
}

/// What a change of members does.
public struct MemberPlan: Sendable, Hashable {
    /// Votes and how many of them decide.
    public struct Quorum: Sendable, Hashable {
        /// How many vote.
        public var voters: Int
        /// How many of them must agree.
        public var quorum: Int

        /// Of these members.
        public init(of members: [Member]) {
            voters = members.count { $0.role == "voter" || $0.role == "witness" }
            quorum = voters / 2 + 1
        }
    }

    /// The members without it, ascending.
    public var before: [Member]
    /// The members with it, ascending.
    public var after: [Member]
    /// The voters change: until it is finished those from before and those from after must both
    /// agree to everything.
    public var isJoint: Bool

    /// Composes a plan.
    public init(before: [Member], after: [Member], isJoint: Bool) {
        self.before = before
        self.after = after
        self.isJoint = isJoint
    }
}

/// Asks the leader to change the members; answered when the change is committed.
///
/// Unknown where no answer came, or the leader lost its leadership meanwhile: the next leader goes on
/// with what has begun. Ask for the members, or for the same again.
public struct ChangeMembers: ClientAdministration {
    /// What is to change.
    public var change: MemberChange
    /// Nothing is to change: only say what would.
    public var isDryRun: Bool

    /// Makes the request.
    public init(_ change: MemberChange, isDryRun: Bool = false) {
        self.change = change
        self.isDryRun = isDryRun
    }

    /// The request as the protocol has it.
    public var encoded: EncodedRequest {
        let change: CadastreProtocol.MemberChange =
            switch change {
            case .add(let member): .add(MemberDescription(member))
            case .rejoin(let member): .rejoin(MemberDescription(member))
            case .promote(let node): .promote(node)
            case .demote(let node): .demote(node)
            case .remove(let node): .remove(node)
            case .replace(let node, let other): .replace(node, by: other)
            }
        return EncodedRequest(.administration(.changeMembers(change, isDryRun: isDryRun)))
    }
    /// Reads the answer.
    ///
    /// - Throws: ``UnreadableReply`` if it is not an answer to this.
    public static func value(of reply: EncodedReply) throws(UnreadableReply) -> MemberPlan {
        guard case .administration(.memberPlan(let plan)) = reply.content else {
            throw UnreadableReply("the answer is no plan of members")
        }
        return MemberPlan(
            before: plan.before.map { Member($0) },
            after: plan.after.map { Member($0) },
            isJoint: plan.isJoint
        )
    }
}

extension MemberDescription {
    fileprivate init(_ member: Member) {
        self.init(
            node: member.node,
            role: member.role == "witness" ? "witness" : "learner",
            site: member.site,
            peerAddress: member.peerAddress,
            clientAddress: member.clientAddress,
            administrationAddress: member.administrationAddress,
            incarnation: member.incarnation
        )
    }
}
