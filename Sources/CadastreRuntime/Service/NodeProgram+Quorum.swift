internal import CadastreDisk
internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStateMachine
internal import RaftCore

/// The verb for a quorum that is lost for good.
extension NodeProgram {
    /// Shows what a stopped node knows, or makes it the only voter.
    ///
    /// - Parameters:
    ///   - isDryRun: Only shows.
    ///   - file: The configuration file.
    ///   - environment: Where settings may also come from.
    ///   - flags: Settings before both.
    /// - Returns: The exit code.
    package static func recoverQuorum(
        isDryRun: Bool,
        file: String,
        environment: [String: String],
        flags: [String]
    ) async -> Int32 {
        await reporting {
            let plan = try NodePlan.read(file: file, environment: environment, flags: flags)
            try plan.checkDirectory()
            let node = NodeID(plan.settings.node)
            let seed = UInt64.random(in: 1 ... .max)
            if isDryRun {
                let found = try QuorumRecovery.survey(
                    plan.settings.directory,
                    on: PosixDisk(),
                    cluster: plan.genesis.clusterID,
                    node: node,
                    settings: plan.nodeSettings,
                    seed: seed
                )
                print(text(of: found))
                print(comparison)
                return
            }
            let found = try QuorumRecovery.recover(
                plan.settings.directory,
                on: PosixDisk(),
                cluster: plan.genesis.clusterID,
                node: node,
                incarnation: Incarnation(
                    high: UInt64.random(in: 1 ... .max),
                    low: UInt64.random(in: 0 ... .max)
                ),
                milliseconds: Clock.now().wall,
                settings: plan.nodeSettings,
                seed: seed
            )
            print(text(of: found))
            print(
                """
                Node \(node) is the only voter now. Start it with `cadastred run --config \(file)`.
                Lost is what only the lost voters had: writes that were acknowledged since this node's
                log ends may be among it. What this node had of writes that nobody acknowledged counts.
                Every other member comes back with an empty folder: `cadastred init --join`, then
                `cadastre member add ADDRESS --promote`. Never start one with its old disk again: the old
                voters are a quorum of their own, and would go on without this node.
                """
            )
        }
    }

    private static let comparison = """
        Nothing was changed. Do this on every survivor, and take the one with the highest term of the
        last entry, then the highest index: it has all that any of them has. There, and there alone:
        `cadastred recover-quorum --i-accept-that-acknowledged-writes-may-be-lost`
        """

    private static func text(of found: QuorumRecovery.Survey) -> String {
        let time = found.lastMilliseconds.map { milliseconds in
            milliseconds == 0 ? "at the founding" : "\(WallTime(milliseconds: milliseconds))"
        }
        let members = found.configuration.members.map { member in
            "  node \(member.id)  \(member.role)  \(member.site)  \(member.peerAddress)"
                + (member.id == found.identity.node ? "  (this one)" : "")
        }
        return """
            node          \(found.identity.node), incarnation \(found.identity.incarnation.hexadecimal)
            last entry    index \(found.last.index), term \(found.last.term), \(time ?? "time unknown")
            newest term   \(found.term)
            committed     through \(found.applied.map { "\($0.index)" } ?? "an unknown entry") at least
            members       \(found.configuration.voters.count) voters of \(members.count), by its last entry
            \(members.joined(separator: "\n"))
            """
    }
}
