internal import CadastreClient

/// What changes of members did, or would do: the members, voters and quorum before and after.
struct MemberReport: Sendable {
    private let isDryRun: Bool
    private var plans: [MemberPlan] = []

    /// Nothing was done.
    init(isDryRun: Bool) { self.isDryRun = isDryRun }

    /// One more change; nil where nobody can say what it was.
    mutating func add(_ plan: MemberPlan?) {
        if let plan { plans.append(plan) }
    }

    /// Adds, in a dry run, a change of members that are to come in by the one before it, which the
    /// cluster cannot judge yet.
    ///
    /// - Returns: False if there was none before it, or it names nobody of them.
    mutating func foresee(_ change: MemberChange) -> Bool {
        guard let before = plans.last?.after else { return false }
        var after = before
        switch change {
        case .add(let member):
            after.append(member)
            after.sort { $0.node < $1.node }
        case .rejoin, .demote, .remove: return false
        case .promote(let node):
            guard let place = after.firstIndex(where: { $0.node == node }) else { return false }
            // A witness has its vote from the beginning.
            if after[place].role != "witness" { after[place].role = "voter" }
        case .replace(let node, let other):
            guard let place = after.firstIndex(where: { $0.node == other }) else { return false }
            after[place].role = "voter"
            after.removeAll { $0.node == node }
        }
        plans.append(MemberPlan(before: before, after: after, isJoint: before != after))
        return true
    }

    private var before: [Member] { plans.first?.before ?? [] }
    private var after: [Member] { plans.last?.after ?? [] }
    private var isJoint: Bool { plans.contains(where: \.isJoint) }

    /// For people.
    var text: String {
        let numbers = Set((before + after).map(\.node)).sorted()
        var table = Table([
            ("NODE", .right), ("BEFORE", .left), ("AFTER", .left), ("SITE", .left),
            ("PEERS", .left), ("ADMINISTRATION", .left),
        ])
        for number in numbers {
            let old = before.first { $0.node == number }
            let new = after.first { $0.node == number }
            guard let shown = new ?? old else { continue }
            var now = new?.role ?? "–"
            if let old, let new, old.incarnation != new.incarnation { now += ", new disk" }
            table.add([
                String(number), Escaped.text(old?.role ?? "–"), Escaped.text(now),
                Escaped.text(shown.site), Escaped.text(shown.peerAddress),
                Escaped.text(shown.administrationAddress),
            ])
        }
        let (old, new) = (MemberPlan.Quorum(of: before), MemberPlan.Quorum(of: after))
        let ways = isJoint ? "; while it changes, the old and the new voters must both agree" : ""
        return """
            \(table.text)
            Voters \(old.voters) → \(new.voters), quorum \(old.quorum) → \(new.quorum)\(ways).
            \(ending)
            """
    }

    private var ending: String {
        if before == after { return "It is so already." }
        return isDryRun ? "Nothing was changed: this was a dry run." : "Done."
    }
}

extension MemberReport: Encodable {
    private struct Side: Encodable {
        var voters: Int
        var quorum: Int
        var members: [MemberOutput]

        init(_ members: [Member]) {
            let quorum = MemberPlan.Quorum(of: members)
            voters = quorum.voters
            self.quorum = quorum.quorum
            self.members = members.map { MemberOutput($0) }
        }
    }

    private enum Key: String, CodingKey {
        case dry_run, changed, joint, before, after
    }

    /// For programs.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        try container.encode(isDryRun, forKey: .dry_run)
        try container.encode(!isDryRun && before != after, forKey: .changed)
        try container.encode(isJoint, forKey: .joint)
        try container.encode(Side(before), forKey: .before)
        try container.encode(Side(after), forKey: .after)
    }
}

/// A member, for programs.
struct MemberOutput: Encodable {
    var id: UInt64
    var role: String
    var site: String
    var peer_address: String
    var client_address: String
    var administration_address: String
    var incarnation: String

    /// Describes a member.
    init(_ member: Member) {
        id = member.node
        role = member.role
        site = member.site
        peer_address = member.peerAddress
        client_address = member.clientAddress
        administration_address = member.administrationAddress
        incarnation = member.incarnation
    }
}
