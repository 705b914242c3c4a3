import BenchmarkLoad
import CadastreDisk
import CadastreNode
import CadastreProtocol
import RaftCore

/// Three nodes in one thread, on disks in memory.
///
/// Time is made of rounds: in each, every stage of every node that has something to do gets one turn;
/// frames arrive in the next round. So a stage that is busy gathers what comes meanwhile, as the
/// runtime's do, and nothing depends on a clock.
final class MemoryCluster {
    /// One node with what waits for its stages.
    private final class Member {
        let disk = CountingDisk(SimulatedDisk(seed: 1))
        var node: OpenNode
        var consensus: [ConsensusEvent] = []
        var journal: [JournalEvent] = []
        var apply: [ApplyEvent] = []

        init(_ id: NodeID, of genesis: Genesis) throws {
            let settings = NodeSettings()
            try NodeFolder.found(
                "/node",
                on: disk,
                genesis: genesis,
                node: id,
                settings: settings,
                seed: id.value
            )
            node = try NodeFolder.open(
                "/node",
                on: disk,
                cluster: genesis.cluster,
                node: id,
                settings: settings,
                seed: id.value + 10
            )
        }
    }

    /// What was done since the last ``reset()``.
    struct Work {
        var turns = 0
        var frames = 0
        var frameBytes = 0
    }

    private(set) var work = Work()
    /// Where the leader's files are.
    var leaderDisk: CountingDisk { members[leader].disk }

    private var members: [Member] = []
    private var leader = 0
    private var moment = Moment(monotonic: 1_000_000_000, wall: 1_790_000_000_000)
    private var rounds: UInt64 = 0
    private var replies: [OutgoingReply] = []
    private var frames: [(from: NodeID, frame: PeerFrame)] = []

    /// About the time of a sync and of the way to a peer.
    private static let roundNanoseconds: UInt64 = 200_000
    private static let roundsPerTick: UInt64 = 50

    /// Founds a cluster and waits for its leader.
    init() throws {
        let genesis = Genesis(
            clusterName: "counts",
            cluster: ClusterID(high: 1, low: 2),
            members: (1...3).map { number in
                RaftCore.Member(
                    id: NodeID(number),
                    incarnation: Incarnation(high: number, low: number),
                    role: .voter,
                    site: "fr/paris",
                    peerAddress: "127.0.0.1:1",
                    clientAddress: "127.0.0.1:2",
                    administrationAddress: "127.0.0.1:3"
                )
            }
        )
        members = try (1...3).map { try Member(NodeID($0), of: genesis) }
        for (place, member) in members.enumerated() {
            for peer in 1...3 where peer != place + 1 {
                member.consensus.append(.peerConnected(NodeID(UInt64(peer))))
            }
        }
        while !members.contains(where: { $0.node.consensus.status.role == .leader }) {
            try round()
            precondition(rounds < 100_000, "nobody is elected")
        }
        leader = members.firstIndex { $0.node.consensus.status.role == .leader } ?? 0
    }

    /// Forgets what was counted.
    func reset() {
        work = Work()
        for member in members { member.disk.reset() }
    }

    /// Gives the leader commands, under these numbers.
    func send(_ commands: [(request: UInt64, command: CommandEnvelope)]) {
        members[leader].consensus.append(
            .commands(
                commands.map { request, command in
                    WaitingCommand(
                        key: RequestKey(connection: 1, request: request),
                        tenant: command.tenant,
                        envelope: command,
                        deadline: .max
                    )
                }
            )
        )
    }

    /// Asks the leader, under these numbers.
    func ask(_ queries: [(request: UInt64, query: Query)], by caller: Caller) {
        members[leader].consensus.append(
            .queries(
                queries.map { request, query in
                    WaitingQuery(
                        key: RequestKey(connection: 1, request: request),
                        principal: caller.principal,
                        tenant: caller.tenant,
                        query: query,
                        deadline: .max
                    )
                }
            )
        )
    }

    /// One round; returns what was replied in it.
    @discardableResult
    func round() throws -> [OutgoingReply] {
        rounds += 1
        moment.monotonic += Self.roundNanoseconds
        moment.wall = 1_790_000_000_000 + moment.monotonic / 1_000_000
        for (from, frame) in frames {
            members[Int(frame.to.value) - 1].consensus.append(
                .received(from: from, group: frame.group, bytes: frame.bytes)
            )
        }
        frames.removeAll(keepingCapacity: true)
        for member in members {
            if rounds % Self.roundsPerTick == 0 { member.consensus.append(.tick) }
            try turn(member)
        }
        defer { replies.removeAll(keepingCapacity: true) }
        return replies
    }

    private func turn(_ member: Member) throws {
        var results: [JournalResult] = []
        if !member.journal.isEmpty {
            work.turns += 1
            try member.node.journal.turn(&member.journal, into: &results)
            try member.node.journal.followUp()
        }
        if !member.apply.isEmpty, let apply = member.node.apply {
            work.turns += 1
            var output = ApplyOutput()
            try apply.turn(&member.apply, at: moment, into: &output)
            if let report = output.report { member.consensus.append(.applied(report)) }
            if output.hasMore { member.apply.append(.resume) }
            replies += output.replies
        }
        for result in results {
            switch result {
            case .persisted(let number): member.consensus.append(.persisted(number))
            case .entriesRead(let purpose, let entries):
                member.consensus.append(.entriesRead(purpose, entries))
            case .diskFull, .compacted, .repairAnswer, .repairFault:
                preconditionFailure("a healthy journal says \(result)")
            }
        }
        if !member.consensus.isEmpty { consensusTurn(member) }
    }

    private func consensusTurn(_ member: Member) {
        work.turns += 1
        var output = ConsensusOutput()
        member.node.consensus.turn(&member.consensus, at: moment, into: &output)
        precondition(output.alarm == nil && output.peerFaults.isEmpty, "nodes do not understand")
        member.journal += output.journal
        member.apply += output.apply
        replies += output.replies
        for frame in output.frames {
            work.frames += 1
            work.frameBytes += Frame.encodedSize(ofBody: frame.bytes.count)
            frames.append((member.node.identity.node, frame))
        }
    }
}
