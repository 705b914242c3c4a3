import CadastreNode
import RaftCore
import Testing

/// With whom a node speaks, and as what it hears those who dial it.
struct MemberRosterTests {
    private static func member(_ number: UInt64, disk: UInt64) -> Member {
        Member(
            id: NodeID(number),
            incarnation: Incarnation(high: 1, low: disk),
            role: .voter,
            site: "fr",
            peerAddress: "p\(number)",
            clientAddress: "c\(number)",
            administrationAddress: "a\(number)"
        )
    }

    private static func roster(disk: UInt64) -> MemberRoster {
        MemberRoster(
            Configuration(members: (1...3).map { member($0, disk: $0) }, featureLevel: 1),
            of: NodeIdentity(
                cluster: ClusterID(high: 1, low: 1),
                node: NodeID(1),
                incarnation: Incarnation(high: 1, low: disk)
            )
        )
    }

    private func standing(
        _ roster: MemberRoster,
        _ number: UInt64,
        disk: UInt64,
        hearsLeader: Bool,
        isConnected: Bool = false
    ) -> MemberRoster.Standing {
        roster.standing(
            of: NodeID(number),
            Incarnation(high: 1, low: disk),
            hearsLeader: hearsLeader,
            isConnected: isConnected
        )
    }

    @Test
    func `a member is heard with the disk that the configuration names, and no other`() {
        let roster = Self.roster(disk: 1)
        for hearsLeader in [true, false] {
            #expect(standing(roster, 2, disk: 2, hearsLeader: hearsLeader) == .member)
        }
        #expect(standing(roster, 2, disk: 9, hearsLeader: true) == .refused)
        #expect(standing(roster, 2, disk: 9, hearsLeader: false) == .stranger)
    }

    @Test
    func `a node that is no member lets everybody in, and dials nobody`() {
        let roster = Self.roster(disk: 9)
        #expect(roster.own == nil && roster.dialled.isEmpty)
        #expect(standing(roster, 4, disk: 4, hearsLeader: true) == .stranger)
    }

    @Test
    func `a stranger that leads is heard on as long as its connection stands`() {
        var roster = Self.roster(disk: 1)
        roster.update(nil, leader: NodeID(4))
        #expect(standing(roster, 4, disk: 4, hearsLeader: true) == .refused)
        #expect(
            standing(roster, 4, disk: 4, hearsLeader: true, isConnected: true) == .stranger
        )
        #expect(
            standing(roster, 5, disk: 5, hearsLeader: true, isConnected: true) == .refused
        )
    }

    // The connection is as old as before; what the configuration says is not.
    @Test
    func `a stranger becomes a member, and a member a stranger, while connected`() {
        var roster = Self.roster(disk: 9)
        #expect(
            standing(roster, 4, disk: 4, hearsLeader: true, isConnected: true) == .stranger
        )
        let members = [Self.member(1, disk: 9), Self.member(4, disk: 4)]
        roster.update(Configuration(members: members, featureLevel: 1), leader: NodeID(4))
        #expect(standing(roster, 4, disk: 4, hearsLeader: true, isConnected: true) == .member)
        #expect(standing(roster, 2, disk: 2, hearsLeader: true, isConnected: true) == .refused)
        #expect(roster.dialled.map(\.id) == [NodeID(4)])
    }

    @Test
    func `who votes until a change is finished is dialled until then`() {
        var roster = Self.roster(disk: 1)
        let two = (1...2).map { Self.member($0, disk: $0) }
        roster.update(
            Configuration(
                members: two,
                outgoing: [1, 2, 3].map { NodeID($0) },
                featureLevel: 1
            ),
            leader: NodeID(1)
        )
        #expect(roster.dialled.map(\.id) == [NodeID(2), NodeID(3)])
        roster.update(Configuration(members: two, featureLevel: 1), leader: NodeID(1))
        #expect(roster.dialled.map(\.id) == [NodeID(2)])
    }

    // After a restart, too: with the others of the old voters away, the change waits for this one.
    @Test
    func `who starts within a change dials those who are leaving, as long as the log names them`() {
        let three = Configuration(
            members: (1...3).map { Self.member($0, disk: $0) },
            featureLevel: 1
        )
        var joint = three
        joint.members.removeLast()
        joint.outgoing = three.voters
        let identity = Self.roster(disk: 1).identity
        let roster = MemberRoster(joint, before: three, of: identity)
        #expect(roster.dialled.map(\.id) == [NodeID(2), NodeID(3)])
        #expect(standing(roster, 3, disk: 3, hearsLeader: true) == .member)
        #expect(MemberRoster(joint, of: identity).dialled.map(\.id) == [NodeID(2)])
        joint.outgoing = []
        #expect(MemberRoster(joint, before: three, of: identity).dialled.map(\.id) == [NodeID(2)])
    }

    @Test
    func `nobody dials a member that stands where the policy allows none`() {
        var abroad = Self.member(3, disk: 3)
        abroad.site = "be/brussels/bru1/acme"
        let configuration = Configuration(
            members: [Self.member(1, disk: 1), Self.member(2, disk: 2), abroad],
            featureLevel: 1,
            policy: Policy(allowedCountries: ["fr"])
        )
        let roster = MemberRoster(configuration, of: Self.roster(disk: 1).identity)
        #expect(roster.dialled.map(\.id) == [NodeID(2)])
    }
}
