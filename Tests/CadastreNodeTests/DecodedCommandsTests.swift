import CadastreProtocol
import CadastreStorage
import RaftCore
import Testing

@testable import CadastreNode

/// Commands that were decoded to be checked, and are executed without being decoded again.
struct DecodedCommandsTests {
    private func entry(_ index: UInt64, term: UInt64 = 1, size: Int = 10) -> Entry {
        var block = BlockBuilder()
        _ = block.add([UInt8](repeating: UInt8(truncatingIfNeeded: index), count: size))
        return Entry.make(
            cluster: ClusterID(high: 1, low: 2),
            group: .directory,
            position: LogPosition(index: LogIndex(index), term: Term(term)),
            kind: .commands,
            featureLevel: 1,
            now: 0,
            random: (0, 0),
            previousHash: .zero,
            block: block.finish()
        )
    }

    private func commands(_ count: Int) -> [CommandEnvelope] {
        let command = CommandEnvelope(
            principal: .node(1),
            tenant: .none,
            identity: .none,
            command: .expireSession(ExpireSession(session: 1))
        )
        return Array(repeating: command, count: count)
    }

    @Test
    func `each entry gets its own commands, once`() {
        var decoded = DecodedCommands()
        for index in 1...3 as ClosedRange<UInt64> {
            decoded.keep(commands(Int(index)), of: entry(index))
        }
        #expect(decoded.take(entry(1))?.count == 1)
        #expect(decoded.take(entry(1)) == nil)
        #expect(decoded.take(entry(3))?.count == 3)
        #expect(decoded.take(entry(2)) == nil, "what lies before is forgotten")
    }

    @Test
    func `an entry of another term takes the place of its index and of all behind`() {
        var decoded = DecodedCommands()
        for index in 1...3 as ClosedRange<UInt64> { decoded.keep(commands(1), of: entry(index)) }
        decoded.keep(commands(2), of: entry(2, term: 2))
        #expect(decoded.take(entry(1))?.count == 1)
        #expect(decoded.take(entry(2, term: 2))?.count == 2)
        #expect(decoded.take(entry(3)) == nil)
    }

    @Test
    func `an entry of which another was kept is decoded again`() {
        var decoded = DecodedCommands()
        decoded.keep(commands(1), of: entry(2))
        #expect(decoded.take(entry(2, term: 2)) == nil)
    }

    @Test
    func `no more is kept than fits`() {
        var decoded = DecodedCommands()
        let half = DecodedCommands.maximumSize / 2
        for index in 1...3 as ClosedRange<UInt64> {
            decoded.keep(commands(1), of: entry(index, size: half - 100))
        }
        #expect(decoded.take(entry(3)) == nil)
        decoded.keep(commands(1), of: entry(4, size: half))
        #expect(decoded.take(entry(4))?.count == 1)
    }

    @Test
    func `a batch counts as what it does`() {
        let removal = Batch.Operation.delete(DeleteObject(bucket: Array("abc".utf8), key: [0]))
        let batch = CommandEnvelope(
            principal: .node(1),
            tenant: .none,
            identity: .none,
            command: .batch(Batch(Array(repeating: removal, count: 1_000)))
        )
        var decoded = DecodedCommands()
        // 128 bytes for each removal, far more than they take in the log.
        let fitting = UInt64(DecodedCommands.maximumSize / 128_000)
        for index in 1...fitting + 1 { decoded.keep([batch], of: entry(index)) }
        #expect(decoded.take(entry(fitting)) != nil)
        #expect(decoded.take(entry(fitting + 1)) == nil)
    }

    @Test
    func `what was taken counts until it is executed`() {
        var decoded = DecodedCommands()
        let half = DecodedCommands.maximumSize / 2
        for index in 1...2 as ClosedRange<UInt64> {
            decoded.keep(commands(1), of: entry(index, size: half - 100))
            #expect(decoded.take(entry(index)) != nil)
        }
        decoded.keep(commands(1), of: entry(3, size: half))
        #expect(decoded.take(entry(3)) == nil)
        decoded.applied(through: LogIndex(1))
        decoded.keep(commands(1), of: entry(4, size: half))
        #expect(decoded.take(entry(4)) != nil)
    }
}
