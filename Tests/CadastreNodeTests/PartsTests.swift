@testable import CadastreNode
import CadastreProtocol
import CadastreStorage
import RaftCore
import Testing

private func key(_ request: UInt64) -> RequestKey { RequestKey(connection: 1, request: request) }

private func position(_ index: UInt64, _ term: UInt64) -> LogPosition {
    LogPosition(index: LogIndex(index), term: Term(term))
}

/// Calls that change a value cannot stand inside the macro.
private func expect(_ value: Bool, _ expected: Bool) { #expect(value == expected) }

/// Blocks: tenants take turns, and late commands are not proposed.
struct ProposalsTests {
    private func waiting(
        _ request: UInt64,
        tenant: UInt64,
        deadline: UInt64 = 100
    )
        -> WaitingCommand
    {
        WaitingCommand(
            key: key(request),
            tenant: TenantID(tenant),
            bytes: Array(repeating: 7, count: 50),
            deadline: deadline
        )
    }

    private func draw(
        from proposals: inout Proposals,
        at now: UInt64
    ) -> (keys: [RequestKey?], commands: [CommandEnvelope], expired: [WaitingCommand]) {
        var block = BlockBuilder()
        var keys: [RequestKey?] = []
        var commands: [CommandEnvelope] = []
        var expired: [WaitingCommand] = []
        proposals.draw(
            into: &block,
            keys: &keys,
            commands: &commands,
            now: now,
            expired: &expired
        )
        return (keys, commands, expired)
    }

    @Test
    func `tenants take turns whatever one of them sends`() {
        var proposals = Proposals(maximumCount: 100, maximumSize: 10_000)
        for request in 1...6 { expect(proposals.add(waiting(UInt64(request), tenant: 1)), true) }
        expect(proposals.add(waiting(20, tenant: 2)), true)
        expect(proposals.add(waiting(30, tenant: 3)), true)
        let (keys, _, expired) = draw(from: &proposals, at: 1)
        #expect(keys.map { $0?.request } == [1, 20, 30, 2, 3, 4, 5, 6])
        #expect(proposals.isEmpty && proposals.size == 0 && expired.isEmpty)
    }

    @Test
    func `a late command is handed back and not proposed`() {
        var proposals = Proposals(maximumCount: 100, maximumSize: 10_000)
        expect(proposals.add(waiting(1, tenant: 1, deadline: 5)), true)
        expect(proposals.add(waiting(2, tenant: 1)), true)
        let (keys, _, expired) = draw(from: &proposals, at: 6)
        #expect(keys.map { $0?.request } == [2])
        #expect(expired.map(\.key.request) == [1])
    }

    @Test
    func `commands come out as they lie in the block, where they are known`() throws {
        var proposals = Proposals(maximumCount: 100, maximumSize: 10_000)
        for request in 1...4 as ClosedRange<UInt64> {
            let envelope = CommandEnvelope(
                principal: .tenant(tenant: bytes("t1"), name: bytes("owner")),
                tenant: TenantID(1),
                identity: .slot(session: 1, slot: 0, sequence: request),
                command: .createBucket(CreateBucket(name: bytes("bucket-\(request)")))
            )
            let command = WaitingCommand(
                key: key(request),
                tenant: TenantID(request % 2),
                envelope: envelope,
                deadline: 100
            )
            #expect(try CommandEnvelope(decoding: command.bytes) == command.envelope)
            expect(proposals.add(command), true)
        }
        expect(proposals.add(waiting(5, tenant: 9)), true)
        let (keys, commands, _) = draw(from: &proposals, at: 1)
        #expect(keys.map { $0?.request } == [1, 2, 5, 3, 4])
        let sequences = commands.map { envelope in
            if case .slot(_, _, let sequence) = envelope.identity { sequence } else { 0 as UInt64 }
        }
        #expect(sequences == [1, 2, 3, 4])
    }

    @Test
    func `where much waits, commands wait as bytes alone`() {
        var proposals = Proposals(maximumCount: 100, maximumSize: 8 << 20)
        for request in 1...30 as ClosedRange<UInt64> {
            let envelope = CommandEnvelope(
                principal: .tenant(tenant: bytes("t1"), name: bytes("owner")),
                tenant: TenantID(1),
                identity: .slot(session: 1, slot: 0, sequence: request),
                command: .putObject(
                    PutObject(
                        bucket: bytes("photos"),
                        key: bytes("key"),
                        size: 1,
                        locations: [UInt8](repeating: 7, count: 60_000)
                    )
                )
            )
            let command = WaitingCommand(
                key: key(request),
                tenant: TenantID(1),
                envelope: envelope,
                deadline: 100
            )
            expect(proposals.add(command), true)
        }
        let decoded = proposals.removeAll().map { $0.envelope != nil }
        #expect(decoded == (1...30).map { $0 <= Proposals.maximumSizeDecoded / 60_100 })
    }

    @Test
    func `a block closes by what there is to do, too, and takes any one command`() {
        var proposals = Proposals(maximumCount: 100, maximumSize: 10_000)
        for (request, operations) in [(1, 1_000), (2, 200), (3, 300), (4, 100), (5, 1)] {
            var command = waiting(UInt64(request), tenant: 1)
            command.operations = operations
            command.envelope = CommandEnvelope(
                principal: .node(1),
                tenant: TenantID(UInt64(request)),
                identity: .none,
                command: .openSession(OpenSession(slots: 1))
            )
            expect(proposals.add(command), true)
        }
        // What does not fit keeps its place and all that it is.
        for (block, left) in [([1], 4), ([2, 3], 2), ([4, 5], 0)] as [([UInt64], Int)] {
            let drawn = draw(from: &proposals, at: 1)
            #expect(drawn.keys.map { $0?.request } == block)
            #expect(drawn.commands.map(\.tenant.value) == block)
            #expect(proposals.count == left)
            #expect(proposals.size == 50 * left)
        }
    }

    @Test
    func `bounds refuse by count and by size`() {
        var few = Proposals(maximumCount: 1, maximumSize: 10_000)
        expect(few.add(waiting(1, tenant: 1)), true)
        expect(few.add(waiting(2, tenant: 2)), false)
        var small = Proposals(maximumCount: 100, maximumSize: 99)
        expect(small.add(waiting(1, tenant: 1)), true)
        expect(small.add(waiting(2, tenant: 2)), false)
        let removed = small.removeAll()
        #expect(removed.map(\.key.request) == [1])
        expect(small.add(waiting(3, tenant: 2)), true)
    }
}

/// What becomes of a block when leadership changes hands.
struct BlocksInFlightTests {
    @Test
    func `a block committed in its own term is answered`() {
        var blocks = BlocksInFlight()
        var refused: [RequestKey] = []
        blocks.add(position(5, 2), keys: [nil, key(1), key(2)], at: 0)
        let keys1 = blocks.decide(position(5, 2), at: 0, refused: &refused)
        #expect(keys1 == [nil, key(1), key(2)])
        #expect(refused.isEmpty)
    }

    @Test
    func `what is on its way is counted, and how long it was`() {
        var blocks = BlocksInFlight()
        var refused: [RequestKey] = []
        for index: UInt64 in 5...8 {
            blocks.add(position(index, 2), keys: [nil, key(index)], at: index)
        }
        #expect(blocks.commandCount == 4)
        #expect(blocks.commitTime == nil)
        _ = blocks.decide(position(5, 2), at: 12, refused: &refused)
        #expect(blocks.commitTime == 7)
        // Committed is not answered.
        #expect(blocks.commandCount == 4)
        let answered = blocks.applied(through: LogIndex(5))
        #expect(answered == 1)
        #expect(blocks.commandCount == 3)
        blocks.supersede(from: LogIndex(7))
        #expect(blocks.commandCount == 1)
        _ = blocks.forget(LogIndex(6)...)
        #expect(blocks.commandCount == 0)
        _ = blocks.decide(position(9, 3), at: 20, refused: &refused)
        #expect(blocks.commitTime == 7)
    }

    @Test
    func `another term at its index refuses it`() {
        var blocks = BlocksInFlight()
        var refused: [RequestKey] = []
        blocks.add(position(5, 2), keys: [key(1)], at: 0)
        let keys2 = blocks.decide(position(5, 3), at: 0, refused: &refused)
        #expect(keys2.isEmpty)
        #expect(refused == [key(1)])
    }

    @Test
    func `a truncated block stays open and is answered if it was committed elsewhere`() {
        var blocks = BlocksInFlight()
        var refused: [RequestKey] = []
        blocks.add(position(5, 2), keys: [key(1)], at: 0)
        blocks.add(position(6, 2), keys: [key(2)], at: 0)
        blocks.supersede(from: LogIndex(5))
        let keys3 = blocks.decide(position(4, 1), at: 0, refused: &refused)
        #expect(keys3.isEmpty)
        #expect(refused.isEmpty)
        let keys4 = blocks.decide(position(5, 2), at: 0, refused: &refused)
        #expect(keys4 == [key(1)])
        let keys5 = blocks.decide(position(6, 4), at: 0, refused: &refused)
        #expect(keys5.isEmpty)
        #expect(refused == [key(2)])
    }

    // Simulation seed 71003968: the log did not become that long again.
    @Test
    func `a later term before its index refuses it, an earlier one does not`() {
        var blocks = BlocksInFlight()
        var refused: [RequestKey] = []
        blocks.add(position(7, 3), keys: [key(1)], at: 0)
        blocks.add(position(8, 3), keys: [nil, key(2)], at: 0)
        blocks.supersede(from: LogIndex(6))
        for earlier in [position(4, 2), position(5, 3)] {
            let keys = blocks.decide(earlier, at: 0, refused: &refused)
            #expect(keys.isEmpty && refused.isEmpty)
        }
        let keys7 = blocks.decide(position(6, 4), at: 0, refused: &refused)
        #expect(keys7.isEmpty)
        #expect(refused == [key(2), key(1)])
    }

    @Test
    func `two blocks at one index are decided each by its term`() {
        var blocks = BlocksInFlight()
        var refused: [RequestKey] = []
        blocks.add(position(5, 2), keys: [key(1)], at: 0)
        blocks.supersede(from: LogIndex(5))
        blocks.add(position(5, 4), keys: [key(2)], at: 0)
        let keys6 = blocks.decide(position(5, 4), at: 0, refused: &refused)
        #expect(keys6 == [key(2)])
        #expect(refused == [key(1)])
    }

    @Test
    func `what is forgotten is answered no more, what is not is decided as ever`() {
        var blocks = BlocksInFlight()
        var refused: [RequestKey] = []
        for index: UInt64 in 5...8 {
            blocks.add(position(index, 2), keys: [nil, key(index)], at: 0)
        }
        blocks.supersede(from: LogIndex(7))
        #expect(blocks.forget(...LogIndex(5)) == [key(5)])
        #expect(blocks.forget(LogIndex(7)...) == [key(8), key(7)])
        #expect(blocks.forget(LogIndex(7)...) == [])
        let decided = [position(5, 2), position(6, 2), position(7, 2), position(8, 3)].map {
            blocks.decide($0, at: 0, refused: &refused)
        }
        #expect(decided == [[], [nil, key(6)], [], []])
        #expect(refused.isEmpty)
    }
}

/// What the apply stage is handed, and when.
struct DeliveryTests {
    /// With a block of so many bytes, if any.
    private func entry(_ index: UInt64, size: Int = 0) -> Entry {
        var block = BlockBuilder()
        if size > 0 { _ = block.add(Array(repeating: 0, count: size)) }
        return Entry.make(
            cluster: ClusterID(high: 1, low: 1),
            group: .directory,
            position: position(index, 1),
            kind: size > 0 ? .commands : .noOp,
            featureLevel: 1,
            now: 0,
            random: (0, 0),
            previousHash: .zero,
            block: size > 0 ? block.finish() : nil
        )
    }

    /// Reports of progress wake whoever waits for room, however well the block was compressed.
    @Test
    func `it is full where something waits for what was handed over to be applied`() {
        var delivery = Delivery(applied: .zero)
        delivery.commit(through: LogIndex(1))
        #expect(!delivery.isFull)
        delivery.handedOver(entry(1, size: Delivery.maximumOutstandingSize))
        #expect(!delivery.isFull, "nothing waits")
        delivery.commit(through: LogIndex(2))
        #expect(delivery.isFull && !delivery.wantsMore)
        delivery.applied(through: LogIndex(1))
        #expect(!delivery.isFull && delivery.wantsMore)
    }

    @Test
    func `entries are handed over once and in order`() {
        var delivery = Delivery(applied: LogIndex(3))
        #expect(!delivery.wantsMore)
        delivery.commit(through: LogIndex(5))
        #expect(delivery.wantsMore && delivery.next == LogIndex(4))
        delivery.handedOver(entry(4))
        delivery.handedOver(entry(5))
        #expect(!delivery.wantsMore)
        delivery.commit(through: LogIndex(4))
        #expect(delivery.committed == LogIndex(5))
    }

    @Test
    func `nothing is wanted while the journal reads`() {
        var delivery = Delivery(applied: .zero)
        delivery.commit(through: LogIndex(2))
        delivery.startedReading()
        #expect(!delivery.wantsMore)
        delivery.finishedReading()
        #expect(delivery.wantsMore)
    }

    @Test
    func `a lost transaction begins again where it was lost`() {
        var delivery = Delivery(applied: .zero)
        delivery.commit(through: LogIndex(2))
        delivery.handedOver(entry(1))
        delivery.handedOver(entry(2))
        delivery.restart(from: LogIndex(1), at: 50)
        #expect(delivery.next == LogIndex(1))
        // Not at once: a full disk would be asked again and again.
        delivery.resume(at: 49)
        #expect(!delivery.wantsMore)
        delivery.resume(at: 50)
        #expect(delivery.wantsMore)
    }
}

/// The newest entries in memory.
struct EntryCacheTests {
    private func noOp(_ index: UInt64) -> Entry {
        Entry.make(
            cluster: ClusterID(high: 1, low: 1),
            group: .directory,
            position: position(index, 1),
            kind: .noOp,
            featureLevel: 1,
            now: 0,
            random: (0, 0),
            previousHash: .zero
        )
    }

    private func filled() -> EntryCache {
        var cache = EntryCache(targetSize: 250)
        for index in UInt64(1)...4 { cache.append(noOp(index)) }
        return cache
    }

    @Test
    func `ranges are whole or nothing`() {
        let cache = filled()
        let range = LogIndex(2)..<LogIndex(5)
        #expect(cache.entries(in: range)?.map(\.index.value) == [2, 3, 4])
        #expect(cache.entries(in: LogIndex(2)..<LogIndex(6)) == nil)
        #expect(cache.entry(at: LogIndex(5)) == nil)
        #expect(cache.entry(at: .zero) == nil)
    }

    @Test
    func `trimming stops at the target and at the limit`() {
        var cache = filled()
        cache.trim(through: LogIndex(1))
        #expect(cache.first == LogIndex(2))
        // What is not handed over stays until there is far too much of it.
        cache.trimFar(through: LogIndex(4))
        #expect(cache.first == LogIndex(2))
        cache.trim(through: LogIndex(4))
        #expect(cache.size <= 250 && cache.first == LogIndex(3))
        #expect(cache.entries(in: LogIndex(2)..<LogIndex(4)) == nil)
        let size = cache.size
        for index in 5...20 as ClosedRange<UInt64> { cache.append(noOp(index)) }
        cache.trimFar(through: LogIndex(18))
        #expect(cache.size <= 1_000 && cache.size > size)
        #expect(cache.entry(at: LogIndex(20)) != nil)
    }

    @Test
    func `truncation takes the end away and its size`() {
        var cache = filled()
        let one = cache.size / 4
        cache.truncate(from: LogIndex(3))
        #expect(cache.size == 2 * one)
        #expect(cache.entry(at: LogIndex(3)) == nil)
    }
}

/// The clocks behind a Tick.
struct ClockSamplesTests {
    private let voters = [NodeID(1), NodeID(2), NodeID(3)]

    private func moment(_ seconds: UInt64, wall: UInt64) -> Moment {
        Moment(monotonic: seconds * 1_000_000_000, wall: wall)
    }

    @Test
    func `there is no tick without a majority of clocks`() {
        let samples = ClockSamples()
        #expect(samples.tick(of: voters, own: NodeID(1), at: moment(1, wall: 500)) == nil)
    }

    @Test
    func `a sample moves on with the time since it was heard`() {
        var samples = ClockSamples()
        samples.heard(NodeID(3), wall: 1_000, at: moment(1, wall: 0))
        let tick = samples.tick(of: voters, own: NodeID(1), at: moment(3, wall: 500))
        #expect(tick?.samples.map(\.node) == [1, 3])
        #expect(tick?.samples.map(\.wallMilliseconds) == [500, 3_000])
    }

    @Test
    func `an old sample says nothing`() {
        var samples = ClockSamples()
        samples.heard(NodeID(2), wall: 1_000, at: moment(1, wall: 0))
        #expect(samples.tick(of: voters, own: NodeID(1), at: moment(7, wall: 500)) == nil)
        samples.heard(NodeID(2), wall: 9_000, at: moment(7, wall: 0))
        let tick = samples.tick(of: voters, own: NodeID(1), at: moment(7, wall: 500))
        #expect(tick?.samples.map(\.wallMilliseconds) == [500, 9_000])
    }

    @Test
    func `a clock beyond what a command holds is left out, the own one too`() throws {
        var samples = ClockSamples()
        let beyond = ProtocolLimits.maximumQuantity + 1
        samples.heard(NodeID(2), wall: beyond, at: moment(1, wall: 0))
        samples.heard(NodeID(3), wall: 7, at: moment(1, wall: 0))
        let voters = [1, 2, 3].map { NodeID($0) }
        let tick = try #require(samples.tick(of: voters, own: NodeID(1), at: moment(1, wall: 5)))
        #expect(tick.samples.map(\.node) == [1, 3])
        try Command.tick(tick).validate()
        #expect(samples.tick(of: voters, own: NodeID(1), at: moment(1, wall: beyond)) == nil)
    }

    @Test
    func `a clock at the end of time is left out`() {
        var samples = ClockSamples()
        samples.heard(NodeID(2), wall: .max, at: moment(1, wall: 0))
        #expect(samples.tick(of: voters, own: NodeID(1), at: moment(2, wall: 500)) == nil)
    }
}

struct LimitRelationTests {
    /// Storage does not know the protocol, so that only here both can be seen.
    @Test
    func `what the door lets in fits into a block, and a block into an entry`() {
        let command = ProtocolLimits.maximumCommandSize + ProtocolLimits.maximumEnvelopeOverhead
        #expect(command <= BlockLimits.commandSize)
        #expect(BlockLimits.blockSize <= BlockLimits.commandSize)
        #expect(BlockLimits.entryRawSize + 1_024 <= Limits.maximumEntrySize)
    }
}

/// When a snapshot is due.
struct SnapshotCostTests {
    @Test
    func `a small entry counts for what it costs, so that few bytes are not many headers`() {
        func header(_ index: UInt64, size: Int) -> EntryHeader {
            EntryHeader(
                position: LogPosition(index: LogIndex(index), term: Term(1)),
                kind: .commands,
                size: size,
                hash: .zero
            )
        }
        var snapshots = ConsensusStage.Snapshots(
            newest: LogIndex(1),
            base: .zero,
            since: [header(2, size: 300), header(3, size: 9_000)],
            interval: 50_000
        )
        #expect(snapshots.costSince == 10_024)
        snapshots.grew(by: header(4, size: 1))
        #expect(snapshots.costSince == 11_048)
        snapshots.begin()
        #expect(snapshots.costSince == 0)
    }
    @Test
    func `after a peer's snapshot took the place of the state an own one is due`() {
        func snapshots(logFrom base: UInt64) -> ConsensusStage.Snapshots {
            ConsensusStage.Snapshots(
                newest: LogIndex(1),
                base: LogIndex(base),
                since: [EntryHeader](),
                interval: 5_000
            )
        }
        // A start finds it so, too.
        #expect(snapshots(logFrom: 1).costSince == 0)
        #expect(snapshots(logFrom: 2).costSince == 5_000)
        var snapshots = snapshots(logFrom: 1)
        snapshots.installing = LogPosition(index: LogIndex(9), term: Term(1))
        snapshots.installed(due: 5_000)
        #expect(snapshots.installing == nil && snapshots.costSince == 5_000)
    }
}
