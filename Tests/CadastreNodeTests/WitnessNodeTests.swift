import CadastreDisk
import CadastreProtocol
import CadastreStorage
import RaftCore
import Testing

@testable import CadastreNode

/// A node that keeps the log alone.
struct WitnessNodeTests {
    private static let key = RequestKey(connection: 1, request: 9)

    /// Node 3 of three, the witness.
    private func witness(
        settings: NodeSettings = NodeSettings()
    ) throws -> NodeFixture {
        try NodeFixture(members: 3, node: 3, witness: 3, settings: settings)
    }

    private func reopened(_ fixture: NodeFixture) throws -> OpenNode {
        fixture.disk.endProcess()
        fixture.disk.restart()
        return try NodeFixture.open(
            fixture.disk,
            fixture.genesis,
            fixture.settings,
            node: NodeID(3)
        )
    }

    // MARK: The folder

    @Test
    func `its folder has no state, and stays a witness's`() throws {
        let fixture = try witness()
        #expect(fixture.node.identity.isWitness)
        #expect(fixture.node.apply == nil)
        #expect(try !fixture.disk.exists("/node/state"))
        let node = try reopened(fixture)
        #expect(node.identity.isWitness)
        #expect(try !fixture.disk.exists("/node/state"))
        let other = try NodeFixture(members: 3, node: 2, witness: 3)
        #expect(!other.node.identity.isWitness)
        #expect(other.node.apply != nil)
    }

    @Test
    func `who is founded otherwise than the genesis says is told so, and nothing is made`() throws {
        let disk = SimulatedDisk(seed: 1)
        let error = #expect(throws: NodeError.self) {
            try NodeFolder.found(
                "/node",
                on: disk,
                genesis: NodeFixture.genesis(members: 3, witness: 3),
                node: NodeID(2),
                isWitness: true,
                settings: NodeSettings(),
                seed: 1
            )
        }
        #expect(error.map { "\($0)".contains("--witness") } == true)
        #expect(try !disk.exists("/node/identity"))
    }

    @Test
    func `a witness that joins says so, whatever the genesis says of its number`() throws {
        let disk = SimulatedDisk(seed: 1)
        let genesis = NodeFixture.genesis(members: 3)
        try NodeFolder.found(
            "/node",
            on: disk,
            genesis: genesis,
            node: NodeID(3),
            incarnation: Incarnation(high: 77, low: 3),
            isWitness: true,
            settings: NodeSettings(),
            seed: 1
        )
        let node = try NodeFixture.open(disk, genesis, NodeSettings(), node: NodeID(3))
        #expect(node.identity.isWitness)
    }

    // MARK: Following

    @Test
    func `it passes over what is committed, and serves nobody`() throws {
        var node = try witness()
        let noOp = node.noOp(term: 4)
        node.turn(node.from(1, term: 4, node.append([noOp], commit: 2), entries: [noOp]))
        try node.settle()
        let status = node.node.consensus.status
        #expect(status.commitIndex == LogIndex(2) && status.appliedIndex == LogIndex(2))
        #expect(node.applyEvents.isEmpty)

        let query = WaitingQuery(
            key: Self.key,
            principal: .operator(name: Array("op".utf8)),
            tenant: .none,
            query: .listTenants(after: [], maximum: 1),
            deadline: .max,
            maximumAge: 1_000_000_000
        )
        node.turn(.commands([node.command(1)]), .queries([query]))
        #expect(node.output.replies.count == 2)
        for reply in node.output.replies {
            guard case .refused(.notLeader, leader: NodeID(1)) = reply.content else {
                Issue.record("\(reply.content)")
                continue
            }
        }
    }

    @Test
    func `it forgets what it is told to, and begins behind that after a restart`() throws {
        var settings = NodeSettings()
        settings.snapshotInterval = 1
        var node = try witness(settings: settings)
        let noOp = node.noOp(term: 4)
        node.turn(node.from(1, term: 4, node.append([noOp], commit: 2), entries: [noOp]))
        try node.settle()
        let next = node.noOp(term: 4, index: 3, after: noOp)
        let append = AppendEntries(
            previous: noOp.position,
            previousHash: noOp.hash,
            entries: [next.header],
            commitIndex: LogIndex(2)
        )
        node.turn(node.from(1, term: 4, .appendEntries(append), entries: [next]))
        try node.settle()
        // Never more than it knows to be committed, whoever asks.
        node.turn(node.from(1, term: 4, .heldByAll(HeldByAll(through: LogIndex(3)))))
        #expect(
            node.output.journal.contains { event in
                if case .compact(_, through: LogIndex(2)) = event { true } else { false }
            }
        )
        try node.journal(node.output.journal)
        let status = try reopened(node).consensus.status
        #expect(status.lastIndex == LogIndex(3))
        #expect(status.appliedIndex <= LogIndex(2))
    }

    @Test
    func `of a snapshot it takes where the log begins, and no chunk`() throws {
        var node = try witness()
        let start = LogStart(
            position: LogPosition(index: LogIndex(40), term: Term(2)),
            hash: EntryHash(1, 2, 3, 4),
            configuration: node.genesis.configuration
        )
        let manifest = SnapshotManifest(
            cluster: node.genesis.cluster,
            group: .directory,
            start: start,
            digestHigh: 1,
            digestLow: 2,
            clusterTime: 3,
            size: 4_096,
            chunkSize: 4_096,
            hash: SHA256.hash([]),
            chunks: [.init(rawSize: 4_096, storedSize: 10, hash: SHA256.hash([]))]
        )
        let name = SnapshotName(manifest.id)
        let stage = node.node.snapshot
        var output = SnapshotOutput()
        func tell(_ body: SnapshotMessage.Body) {
            let bytes = SnapshotMessage(name, body).encode()
            var events = [
                SnapshotEvent.received(from: NodeID(1), group: .directory, bytes: bytes)
            ]
            stage.turn(&events, at: Moment(monotonic: 1, wall: 0), into: &output)
        }
        tell(.offer(start.position))
        tell(.manifest(manifest.encode()))
        let said = try output.frames.map { try SnapshotMessage(decoding: $0.bytes).body }
        #expect(said == [.fetchManifest, .taken])
        #expect(!output.isWaiting)
        let result = try #require(output.results.first)
        node.turn(.snapshot(result))
        try node.settle()
        let status = node.node.consensus.status
        #expect(status.lastIndex == LogIndex(40) && status.appliedIndex == LogIndex(40))
        #expect(status.commitIndex == LogIndex(40) && status.term == Term(2))
        #expect(node.applyEvents.isEmpty)
        let again = try reopened(node).consensus.status
        #expect(again.lastIndex == LogIndex(40) && again.appliedIndex == LogIndex(40))
        // A snapshot that is no newer is of no use.
        output.removeAll()
        var settled = [SnapshotEvent.request(.settled(start.position))]
        stage.turn(&settled, at: Moment(monotonic: 2, wall: 0), into: &output)
        tell(.offer(start.position))
        #expect(
            try output.frames.map { try SnapshotMessage(decoding: $0.bytes).body } == [.declined]
        )
    }

    // MARK: Leading

    @Test
    func `if it must lead it takes nothing, and hands over to the first that has everything`()
        throws
    {
        var node = try witness()
        node.tick(until: .preCandidate)
        let term = node.node.consensus.status.term.value + 1
        node.turn(
            node.from(2, term: term, .requestVoteReply(.init(purpose: .preVote, isGranted: true)))
        )
        try node.settle()
        node.turn(
            node.from(2, term: term, .requestVoteReply(.init(purpose: .election, isGranted: true)))
        )
        try node.settle()
        #expect(node.node.consensus.status.role == .leader)
        node.turn(.commands([node.command(1)]))
        guard case .refused(.notLeader, leader: .none)? = node.output.replies.last?.content else {
            Issue.record("\(node.output.replies)")
            return
        }
        #expect(try !node.messages.contains { $0.body == .timeoutNow(TimeoutNow()) })
        node.turn(node.accepted(node.node.consensus.status.lastIndex, 2, term))
        let told = try node.messages.filter { $0.body == .timeoutNow(TimeoutNow()) }
        #expect(told.map(\.to) == [NodeID(2)])
        // It proposes no Ticks, however long nobody takes over, and offers no snapshots.
        let last = node.node.consensus.status.lastIndex
        for _ in 0..<20 {
            node.wait(milliseconds: 500)
            node.turn(.tick)
            node.turn(node.from(2, term: term, .heartbeatReply(HeartbeatReply(readRound: 0))))
            #expect(node.output.snapshots.isEmpty)
        }
        #expect(node.node.consensus.status.role == .leader)
        #expect(node.node.consensus.status.lastIndex == last)
    }

    // MARK: Members

    private func description(_ node: UInt64, role: MemberRole) -> MemberDescription {
        MemberDescription(
            node: node,
            role: "\(role)",
            site: "fr/lyon",
            peerAddress: "n\(node):1",
            clientAddress: "n\(node):2",
            administrationAddress: "n\(node):3",
            incarnation: Incarnation(high: 9, low: node).hexadecimal
        )
    }

    private func outcome(_ change: MemberChange, of node: inout NodeFixture) -> Refusal? {
        node.turn(.changeMembers(change, Self.key, isDryRun: false))
        guard case .refused(let refusal, _)? = node.output.replies.last?.content else { return nil }
        return refusal
    }

    @Test
    func `one comes in with its vote, and another one does not`() throws {
        var node = try NodeFixture(members: 3)
        let term = try node.leadOfThree()
        #expect(outcome(.add(description(4, role: .witness)), of: &node) == nil)
        #expect(node.output.configuration?.member(NodeID(4))?.role == .witness)
        #expect(node.output.configuration?.outgoing == [1, 2, 3].map { NodeID($0) })
        try node.agree(term)
        try node.agree(term)
        #expect(node.node.consensus.status.configuration.outgoing.isEmpty)
        #expect(outcome(.add(description(5, role: .witness)), of: &node) == .notForWitness)
        // Asked for again, it is so already.
        #expect(outcome(.add(description(4, role: .witness)), of: &node) == nil)
        #expect(outcome(.promote(4), of: &node) == nil)
        for change in [
            MemberChange.demote(4), .replace(3, by: 4),
            .rejoin(description(3, role: .witness)),
        ] {
            #expect(outcome(change, of: &node) == .notForWitness, "\(change)")
        }
        node.turn(.transferLeadership(to: NodeID(4), Self.key))
        guard case .refused(.notAVoter, _)? = node.output.replies.last?.content else {
            Issue.record("\(node.output.replies)")
            return
        }
    }

    @Test
    func `the last full voter does not go`() throws {
        var node = try NodeFixture(members: 3, witness: 3)
        let term = try node.leadOfThree()
        #expect(outcome(.demote(2), of: &node) == nil)
        try node.agree(term)
        try node.agree(term)
        #expect(outcome(.remove(1), of: &node) == .noVoterLeft)
        #expect(outcome(.demote(1), of: &node) == .noVoterLeft)
    }
}
