package import RaftCore

/// Which members may follow which (Raft §6, thesis §4; Decisions/0016 of `CadastreNode`): any other
/// voters by way of a joint configuration, and nobody votes who was not there before as a learner,
/// but for a witness, which has no state to catch up with (Decisions/0017).
package enum Succession {
    /// Members are proposed behind others.
    ///
    /// - Parameters:
    ///   - before: In force until then.
    ///   - next: What is proposed.
    ///   - position: Where.
    /// - Throws: If two quorums could decide apart, or a disk gets a vote that the one before it under
    ///   its number has given away already.
    package static func check(
        _ before: Configuration,
        _ next: Configuration,
        at position: LogPosition
    ) throws(Violation) {
        func refuse(_ why: String) -> Violation {
            Violation(.membership, "the members of \(position) do not follow: \(why)")
        }
        if !before.outgoing.isEmpty {
            guard next.outgoing.isEmpty, next.members == before.members else {
                throw refuse("they are not those that the joint ones before them lead to")
            }
            return
        }
        guard next.outgoing == (next.voters == before.voters ? [] : before.voters) else {
            throw refuse(
                "voters were \(before.voters), are \(next.voters), and \(next.outgoing) still vote"
            )
        }
        for member in next.members where member.votes && member.role != .witness {
            guard before.member(member.id)?.incarnation == member.incarnation else {
                throw refuse("node \(member.id) votes with a disk that was no member before")
            }
        }
    }
}
