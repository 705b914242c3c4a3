/// Who belongs to a group.
///
/// In force from the moment it is appended (Raft §6).
///
/// While `outgoing` is not empty the configuration is joint: a decision needs a quorum of the
/// incoming *and* of the outgoing voters.
public struct Configuration: Hashable, Sendable {
    /// The members, ascending by node id, each once.
    public var members: [Member]
    /// Voters of the configuration that is being left, ascending; empty when not joint.
    public var outgoing: [NodeID]
    /// What every member is able to do: commands above it are not proposed.
    public var featureLevel: UInt32
    /// Which sites the group may use, and how.
    public var policy: Policy

    /// Takes the members in any order.
    public init(
        members: [Member],
        outgoing: [NodeID] = [],
        featureLevel: UInt32,
        policy: Policy = .init()
    ) {
        self.members = members.sorted { $0.id < $1.id }
        self.outgoing = outgoing.sorted()
        self.featureLevel = featureLevel
        self.policy = policy
    }

    /// The nodes whose votes count, ascending.
    public var voters: [NodeID] { members.filter(\.votes).map(\.id) }

    /// The voters that keep the state too, and so may lead for longer than a passage, ascending.
    public var fullVoters: [NodeID] { members.filter { $0.role == .voter }.map(\.id) }

    /// The member that votes and keeps no state, or ``NodeID/none``.
    public var witness: NodeID { members.first { $0.role == .witness }?.id ?? .none }

    /// The member with this id, if it belongs to the group.
    public func member(_ id: NodeID) -> Member? { members.first { $0.id == id } }

    /// Whether a group can decide under it: some voters, not too many members, nobody twice, no
    /// quorum of witnesses, who would have no state between them, and a policy that can be in force.
    ///
    /// With one witness and one full voter both must agree, with more the others are a majority.
    var isUsable: Bool {
        let ids = Raft.memberIDs(of: self)
        return Self.isAscending(members.map(\.id)) && Self.isAscending(outgoing)
            && ids.count <= Limits.maximumMembers && !ids.contains(.none)
            && hasFullVoter && hasOneWitnessAtMost && policy.fault == nil
    }

    /// Whether somebody votes who keeps the state.
    public var hasFullVoter: Bool { members.contains { $0.role == .voter } }

    /// Whether no two members vote without a state.
    public var hasOneWitnessAtMost: Bool { members.count { $0.role == .witness } <= 1 }

    private static func isAscending(_ ids: [NodeID]) -> Bool {
        zip(ids, ids.dropFirst()).allSatisfy { $0 < $1 }
    }
}

/// One member of a group.
public struct Member: Hashable, Sendable {
    /// Which node.
    public var id: NodeID
    /// Which life of its disk: messages of another one do not count.
    public var incarnation: Incarnation
    /// What it may do.
    public var role: MemberRole
    /// Where it stands: country, city, site, operator, as its certificate says.
    ///
    /// UTF-8.
    public var site: String
    /// Where its peers reach it, `host:port`.
    public var peerAddress: String
    /// Where clients reach it, `host:port`.
    public var clientAddress: String
    /// Where operators reach it, `host:port`.
    public var administrationAddress: String

    /// Whether its vote and its acknowledgements count.
    public var votes: Bool {
        switch role {
        case .voter, .witness: true
        case .learner: false
        }
    }

    /// Describes one member.
    public init(
        id: NodeID,
        incarnation: Incarnation,
        role: MemberRole,
        site: String,
        peerAddress: String,
        clientAddress: String,
        administrationAddress: String
    ) {
        self.id = id
        self.incarnation = incarnation
        self.role = role
        self.site = site
        self.peerAddress = peerAddress
        self.clientAddress = clientAddress
        self.administrationAddress = administrationAddress
    }
}

/// What a member may do.
///
/// Raw values are stored and never reused.
public enum MemberRole: UInt8, Hashable, Sendable, CaseIterable {
    /// Votes, and its acknowledgement counts.
    case voter = 1
    /// Receives the log; neither votes nor counts.
    case learner = 2
    /// Votes, and its acknowledgement counts, but it keeps the log alone and no state: it leads only
    /// until a full voter can (`Raft+Witness.swift`).
    case witness = 3
}
