import CadastreNode
import CadastreProtocol
import CadastreStateMachine
import CadastreStorage
import RaftCore
import Testing

/// How often a leader moves cluster time, and what it lets in when the disk is nearly full.
struct ClusterTimeTests {
    /// A tick that bridges no more than the pause between two would let time fall behind for good
    /// as soon as one comes late.
    @Test
    func `an idle cluster ticks several times as often as one tick can bridge`() {
        let settings = NodeSettings()
        let pause = settings.tickWhenIdle / 1_000_000
        #expect(pause * 3 <= StateLimits.maximumTickMilliseconds)
        #expect(settings.tickWithWork < settings.tickWhenIdle)
    }

    /// Ticks proposed within this many milliseconds of a leader with nothing else to do, whose
    /// cluster time stays so far behind the clocks.
    private func ticks(within milliseconds: Int, behind: UInt64) throws -> Int {
        var node = try NodeFixture(members: 1)
        try node.lead()
        try node.settle()
        var proposed = 0
        for step in 1...milliseconds {
            let wall = 1_790_000_000_000 + node.now / 1_000_000
            if step % 100 == 1 {
                node.turn(
                    .applied(
                        AppliedReport(
                            through: node.node.consensus.status.commitIndex,
                            clusterTime: wall - behind
                        )
                    )
                )
            } else {
                node.turn(.tick)
            }
            if !node.output.journal.isEmpty { proposed += 1 }
            try node.settle()
        }
        return proposed
    }

    @Test
    func `while time is behind the clocks, ticks come as often as with work to do`() throws {
        #expect(try ticks(within: 6_000, behind: 0) <= 4)
        #expect(try ticks(within: 6_000, behind: 60_000) >= 20)
    }

    @Test
    func `a leader's next tick carries the newest of its marks, once`() throws {
        var node = try NodeFixture(members: 1)
        try node.lead()
        try node.settle()
        let marks = (1...3).map {
            DigestMark(index: LogIndex($0), digest: StateDigest(high: $0, low: $0 + 10))
        }
        node.turn(
            .applied(
                AppliedReport(
                    through: node.node.consensus.status.commitIndex,
                    clusterTime: 0,
                    marks: marks
                )
            )
        )
        var carried: [TickMark?] = []
        for _ in 1...6_000 {
            node.turn(.tick)
            for case .write(_, let writes) in node.output.journal {
                for case .entry(let entry) in writes {
                    guard case .commands = entry.header.kind else { continue }
                    let commands = try entry.items().map {
                        try CommandEnvelope(decoding: Array($0))
                    }
                    for case .tick(let tick) in commands.map(\.command) {
                        carried.append(tick.mark)
                    }
                }
            }
            try node.settle()
        }
        #expect(carried.count >= 2)
        #expect(carried.compactMap { $0 } == [TickMark(index: 3, digestHigh: 3, digestLow: 13)])
    }

    @Test
    func `on the reserve what grows is refused, and what gives room back is not`() throws {
        var node = try NodeFixture(members: 1)
        try node.lead()
        try node.settle()
        let through = node.node.consensus.status.commitIndex
        node.turn(.applied(AppliedReport(through: through, clusterTime: 0, isSpaceLow: true)))
        func waiting(_ request: UInt64, _ command: Command) -> WaitingCommand {
            WaitingCommand(
                key: RequestKey(connection: 1, request: request),
                tenant: TenantID(1),
                bytes: CommandEnvelope(
                    principal: .tenant(tenant: bytes("t1"), name: bytes("owner")),
                    tenant: TenantID(1),
                    identity: .slot(session: 1, slot: 0, sequence: 1),
                    command: command
                ).encode(),
                deadline: .max
            )
        }
        let put = PutObject(bucket: bytes("bucket"), key: bytes("k"), size: 1)
        let delete = DeleteObject(bucket: bytes("bucket"), key: bytes("k"))
        node.turn(
            .commands([
                waiting(1, .putObject(put)), waiting(2, .deleteObject(delete)),
                waiting(3, .openSession(OpenSession(slots: 1))),
            ])
        )
        let refused = node.output.replies.map { reply -> UInt64 in
            guard case .refused(.diskFull, _) = reply.content else { return 0 }
            return reply.key.request
        }
        #expect(refused == [1])
        #expect(!node.output.journal.isEmpty, "the others are in a block")
        try node.settle()
        node.turn(.applied(AppliedReport(through: through, clusterTime: 0)))
        node.turn(.commands([waiting(4, .putObject(put))]))
        #expect(node.output.replies.isEmpty)
    }
}
