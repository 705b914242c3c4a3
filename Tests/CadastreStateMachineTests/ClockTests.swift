import CadastreDisk
import CadastreProtocol
import CadastreStateMachine
import RaftCore
import Testing

/// Cluster time: forward only, by the median of a quorum, and no faster than the limit.
struct ClockTests {
    private func tick(
        _ machine: StateMachine,
        _ samples: [(UInt64, UInt64)],
        by principal: Principal = .node(1)
    ) throws -> Reply {
        let samples = samples.map { ClockSample(node: $0.0, wallMilliseconds: $0.1) }
        return try machine.apply(
            CommandEnvelope(
                principal: principal,
                tenant: .none,
                identity: .none,
                command: .tick(Tick(samples: samples))
            )
        )
    }

    private func makeVoters(_ count: UInt64, outgoing: [UInt64] = []) throws -> StateMachine {
        let machine = try makeMachine()
        let configuration = Configuration(
            members: (1...count).map { member($0) },
            outgoing: outgoing.map { NodeID($0) },
            featureLevel: 1
        )
        try machine.apply(TestEntry(1, [], kind: .configuration(configuration)))
        return machine
    }

    private let start: UInt64 = 1_700_000_000_000

    @Test
    func `the first tick sets the time to the median, later ones move it by the limit at most`()
        throws
    {
        let machine = try makeVoters(3)
        #expect(try tick(machine, [(1, start), (2, start + 500), (3, 9)]).sequence > 0)
        #expect(machine.clusterTime == start)
        #expect(try tick(machine, [(1, start + 700), (2, start + 900)]).sequence > 0)
        #expect(machine.clusterTime == start + 700)
        let year: UInt64 = 365 * 86_400_000
        #expect(try tick(machine, [(1, start + year), (2, start + year)]).refusal == nil)
        #expect(machine.clusterTime == start + 700 + StateLimits.maximumTickMilliseconds)
    }

    @Test
    func `one clock far ahead moves nothing`() throws {
        let machine = try makeVoters(3)
        _ = try tick(machine, [(1, start), (2, start), (3, start)])
        let year: UInt64 = 365 * 86_400_000
        #expect(try tick(machine, [(1, start + year), (2, start), (3, start)]).sequence == 0)
        #expect(machine.clusterTime == start)
    }

    @Test
    func `time never goes back`() throws {
        let machine = try makeVoters(3)
        _ = try tick(machine, [(1, start), (2, start)])
        let digest = machine.digest
        #expect(try tick(machine, [(1, start - 5), (2, start - 9)]) == .done())
        #expect(machine.clusterTime == start)
        #expect(machine.digest == digest)
    }

    @Test
    func `samples that are no quorum of voters are refused`() throws {
        let machine = try makeVoters(3)
        for samples in [
            [], [(1, start)], [(1, start), (1, start)], [(2, start), (1, start)],
            [(1, start), (4, start)], [(1, start), (2, 1 << 43), (3, 1 << 43)],
        ] as [[(UInt64, UInt64)]] {
            #expect(try tick(machine, samples).refusal == .clockRefused)
        }
        let both = [(1, start), (2, start)] as [(UInt64, UInt64)]
        #expect(
            try tick(machine, both, by: .operator(name: bytes("root"))).refusal == .notPermitted
        )
        #expect(machine.clusterTime == 0)
        // While joint, a quorum of both is needed.
        let joint = try makeVoters(3, outgoing: [3, 4, 5])
        #expect(try tick(joint, [(1, start), (2, start), (3, start)]).refusal == .clockRefused)
        #expect(try tick(joint, [(2, start), (3, start), (4, start)]).refusal == nil)
    }

    /// Were it taken, the next changes would come to the end of sequences, on every node and again
    /// at each start.
    @Test
    func `a tick beyond the end of time is refused, and at the end changes go on`() throws {
        var world = try World()
        let end = StateLimits.maximumClusterTime
        #expect(try tick(world.machine, [(1, end + 1)]).refusal == .clockRefused)
        #expect(try tick(world.machine, [(1, .max)]).refusal == .clockRefused)
        #expect(try tick(world.machine, [(1, end)]).refusal == nil)
        #expect(world.machine.clusterTime == end)
        #expect(try tick(world.machine, [(1, end + 1)]).refusal == .clockRefused)
        #expect(try tick(world.machine, [(1, end)]) == .done())
        let last = try world.put(bytes("last")).sequence
        #expect(last >> StateLimits.sequenceCounterBits == end)
        // As many again as there ever were: at a million changes a second for 146,000 years.
        #expect(UInt64(Int64.max) - last >= (1 << 62) - (1 << 21))
    }

    @Test
    func `sequences ascend with time and within it`() throws {
        var world = try World()
        let first = try world.put(bytes("a")).sequence
        let second = try world.put(bytes("b")).sequence
        #expect(second == first + 1)
        _ = try tick(world.machine, [(1, start)])
        let third = try world.put(bytes("c"))
        #expect(third.sequence >> 20 == start)
        let record = try objectRecord(
            world.ask(.getObject(bucket: bytes("photos"), key: bytes("c")))
        )
        #expect(record.modifiedMilliseconds == start && record.sequence == third.sequence)
    }
}
