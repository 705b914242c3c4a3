import CadastreClient
import Foundation
import Testing

@testable import cadastre

@Suite
struct `Member reports` {
    private static func member(
        _ node: UInt64,
        _ role: String = "voter",
        disk: String = "a1"
    ) -> Member {
        var member = Member.unknown
        member.node = node
        member.role = role
        member.site = "fr/lyon/a/b"
        member.peerAddress = "h\(node):1"
        member.administrationAddress = "h\(node):3"
        member.incarnation = disk
        return member
    }

    private static let three = [member(1), member(2), member(3)]

    @Test
    func `a plan shows roles, voters and quorum before and after`() {
        var report = MemberReport(isDryRun: true)
        report.add(
            MemberPlan(
                before: Self.three,
                after: Self.three + [Self.member(4, "learner")],
                isJoint: false
            )
        )
        #expect(report.text.contains("Voters 3 → 3, quorum 2 → 2.\nNothing was changed"))
        #expect(report.text.contains("   4  –       learner"))
        // What follows a dry run's first step can only be foreseen.
        let isForeseen = report.foresee(.promote(4))
        #expect(isForeseen)
        #expect(report.text.contains("Voters 3 → 4, quorum 2 → 3; while it changes, the old and"))
        #expect(report.text.contains("   4  –       voter"))
        let isNobody = !report.foresee(.promote(9))
        #expect(isNobody)
    }

    @Test
    func `what is unusual of a node's snapshots and files is said below its status`() {
        var snapshots = NodeStatus.Snapshots()
        snapshots.newestIndex = 7
        #expect(StatusVerb.note(on: 2, snapshots) == nil)
        snapshots.receivingBytes = 3 << 20
        snapshots.receivedBytes = 1 << 20
        #expect(
            StatusVerb.note(on: 2, snapshots) == "Node 2 fetches a snapshot, 1.0 MiB of 3.0 MiB."
        )
        snapshots.receivingBytes = 0
        snapshots.damagesFound = 2
        #expect(
            StatusVerb.note(on: 2, snapshots)
                == "Node 2 found damage in its files 2 times since its start, and its log says "
                + "where."
        )
    }

    @Test
    func `one in the place of another, and one in the place of its old disk`() {
        var report = MemberReport(isDryRun: false)
        report.add(MemberPlan(before: Self.three, after: Self.three, isJoint: false))
        #expect(report.text.hasSuffix("It is so already."))
        let back = [Self.member(1), Self.member(2), Self.member(3, disk: "b2")]
        report.add(MemberPlan(before: Self.three, after: back, isJoint: true))
        #expect(report.text.contains("voter, new disk"))
        #expect(report.text.hasSuffix("Done."))
        var other = MemberReport(isDryRun: true)
        other.add(
            MemberPlan(
                before: Self.three,
                after: Self.three + [Self.member(6, "learner")],
                isJoint: false
            )
        )
        let isForeseen = other.foresee(.replace(3, by: 6))
        #expect(isForeseen)
        #expect(other.text.contains("   3  voter   –"))
        #expect(other.text.contains("Voters 3 → 3, quorum 2 → 2; while"))
    }

    @Test
    func `a witness counts, and a new one in its place is foreseen`() {
        var report = MemberReport(isDryRun: true)
        let before = [Self.member(1), Self.member(2), Self.member(3, "witness")]
        report.add(MemberPlan(before: before, after: Array(before.prefix(2)), isJoint: true))
        let isForeseen =
            report.foresee(.add(Self.member(3, "witness", disk: "b2")))
            && report.foresee(.promote(3))
        #expect(isForeseen)
        #expect(report.text.contains("   3  witness  witness, new disk"), "\(report.text)")
        #expect(report.text.contains("Voters 3 → 3, quorum 2 → 2; while it changes"))
    }

    @Test
    func `programs read the same`() throws {
        var report = MemberReport(isDryRun: true)
        let after = [Self.member(1), Self.member(2), Self.member(3, "learner")]
        report.add(MemberPlan(before: Self.three, after: after, isJoint: true))
        let object = try #require(
            try JSONSerialization.jsonObject(with: Data(Console.encoded(report).utf8))
                as? [String: Any]
        )
        #expect(object["dry_run"] as? Bool == true && object["joint"] as? Bool == true)
        #expect(object["changed"] as? Bool == false)
        let sides = [object["before"], object["after"]].compactMap { $0 as? [String: Any] }
        #expect(sides.map { $0["voters"] as? Int } == [3, 2])
        #expect(sides.map { $0["quorum"] as? Int } == [2, 2])
        let members = sides.last?["members"] as? [[String: Any]]
        #expect(members?.last?["role"] as? String == "learner")
        #expect(members?.last?["incarnation"] as? String == "a1")
    }
}

extension Member {
    /// A member of which nothing is said.
    fileprivate static let unknown = Member(
        node: 0,
        role: "",
        site: "",
        peerAddress: "",
        clientAddress: "",
        administrationAddress: "",
        incarnation: ""
    )
}
