import CadastreNode
import CadastreProtocol
import CadastreStorage
import RaftCore
import Testing

/// Whatever a peer sends: a fault that closes its connection, or a message; never a trap.
struct PeerMessageTests {
    @Test
    func `a message in the name of another node is a fault`() throws {
        var node = try NodeFixture(members: 3)
        let bytes = node.bytes(from: 3, term: 1, .heartbeatReply(HeartbeatReply(readRound: 0)))
        node.turn(.received(from: NodeID(2), group: .directory, bytes: bytes))
        #expect(node.output.peerFaults.map(\.peer) == [NodeID(2)])
    }

    @Test
    func `a message about another group is a fault`() throws {
        var node = try NodeFixture(members: 3)
        let bytes = node.bytes(from: 2, term: 1, .heartbeatReply(HeartbeatReply(readRound: 0)))
        node.turn(.received(from: NodeID(2), group: GroupID(4), bytes: bytes))
        #expect(node.output.peerFaults.count == 1)
    }

    @Test
    func `an entry that breaks the chain is a fault and changes nothing`() throws {
        var node = try NodeFixture(members: 3)
        var other = NodeFixture.genesis(members: 3)
        other.cluster = ClusterID(high: 99, low: 99)
        let strange = Entry.make(
            cluster: other.cluster,
            group: .directory,
            position: LogPosition(index: LogIndex(2), term: Term(3)),
            kind: .noOp,
            featureLevel: 1,
            now: 0,
            random: (0, 0),
            previousHash: node.first.hash
        )
        let unchained = node.noOp(term: 3, after: strange)
        for entry in [strange, unchained] {
            node.turn(node.from(2, term: 3, node.append([entry]), entries: [entry]))
            #expect(node.output.peerFaults.count == 1)
            #expect(node.output.journal.isEmpty)
            #expect(node.node.consensus.status.lastIndex == LogIndex(1))
        }
    }

    @Test
    func `every truncation of an append is a fault`() throws {
        var node = try NodeFixture(members: 3)
        let entry = node.noOp(term: 3)
        let bytes = node.bytes(from: 2, term: 3, node.append([entry]), entries: [entry])
        for count in 0..<bytes.count {
            let cut = Array(bytes[..<count])
            node.turn(.received(from: NodeID(2), group: .directory, bytes: cut))
            #expect(node.output.peerFaults.count == 1, "\(count) of \(bytes.count) bytes")
        }
        #expect(node.node.consensus.status.lastIndex == LogIndex(1))
    }

    @Test
    func `no flipped bit of any message makes the node trap`() throws {
        var bodies: [MessageBody] = [
            .requestVote(
                RequestVote(purpose: .election, last: Genesis.position, leaderIsGone: false)
            ),
            .requestVoteReply(RequestVoteReply(purpose: .election, isGranted: true)),
            .appendEntriesReply(AppendEntriesReply(outcome: .accepted(match: LogIndex(1)))),
            .appendEntriesReply(
                AppendEntriesReply(outcome: .rejected(previous: LogIndex(5), hint: .zero))
            ),
            .heartbeat(Heartbeat(commitIndex: LogIndex(1), readRound: 1)),
            .heartbeatReply(HeartbeatReply(readRound: 1)),
            .timeoutNow(TimeoutNow()),
            .readIndex(ReadIndex(round: 1)),
            .readIndexReply(ReadIndexReply(round: 1, index: LogIndex(1))),
            .heldByAll(HeldByAll(through: LogIndex(1))),
        ]
        let fixture = try NodeFixture(members: 3)
        let entry = fixture.noOp(term: 3)
        bodies.append(fixture.append([entry]))
        for body in bodies {
            var entries: [Entry] = []
            if case .appendEntries = body { entries = [entry] }
            let bytes = fixture.bytes(from: 2, term: 3, body, entries: entries)
            for bit in 0..<bytes.count * 8 {
                var node = fixture
                var flipped = bytes
                flipped[bit / 8] ^= 1 << UInt8(bit % 8)
                node.turn(.received(from: NodeID(2), group: .directory, bytes: flipped))
            }
        }
    }

    private static let numbers: [UInt64] = [
        0, 1, 1 << 32, 1 << 62, (1 << 63) - 1, 1 << 63, .max,
    ]

    @Test(arguments: numbers)
    func `no number in any eight bytes of an append makes the node trap`(number: UInt64) throws {
        let fixture = try NodeFixture(members: 3)
        let entry = fixture.noOp(term: 3)
        let bytes = fixture.bytes(from: 2, term: 3, fixture.append([entry]), entries: [entry])
        for offset in stride(from: 0, through: bytes.count - 8, by: 4) {
            var node = fixture
            var changed = bytes
            for place in 0..<8 {
                changed[offset + place] = UInt8(truncatingIfNeeded: number >> (8 * place))
            }
            node.turn(.received(from: NodeID(2), group: .directory, bytes: changed))
            #expect(node.output.alarm == nil || offset > 0)
        }
    }
}
