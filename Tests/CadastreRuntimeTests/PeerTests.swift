import CadastreNode
import CadastreProtocol
import CadastreTLS
import Logging
import NIOCore
import RaftCore
import Testing

@testable import CadastreRuntime

@Suite
struct PeerQueueTests {
    private func assemble(_ frames: [ByteBuffer]) throws -> [[UInt8]] {
        var assembler = FrameAssembler()
        return try frames.flatMap { frame in
            try assembler.receive(Array(frame.readableBytesView)).map(\.body)
        }
    }

    private func drain(_ queue: inout PeerQueue) -> [ByteBuffer] {
        var frames: [ByteBuffer] = []
        while let frame = queue.next() { frames.append(frame) }
        return frames
    }

    @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 300_000])
    func `a message comes out whole, cut in pieces`(_ size: Int) throws {
        var queue = PeerQueue(maximumSize: 1 << 20)
        let body = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        let isTaken = queue.add(body, group: 3, isUrgent: false)
        #expect(isTaken)
        let frames = drain(&queue)
        #expect(frames.count == max(1, (size + 65_535) / 65_536))
        #expect(frames.allSatisfy { $0.readableBytes <= 65_536 + FrameHeader.size })
        #expect(try assemble(frames) == [body])
        #expect(queue.size == 0 && queue.isEmpty)
    }

    @Test
    func `an urgent message goes between the pieces of a large one`() throws {
        var queue = PeerQueue(maximumSize: 1 << 20)
        let large = Array(repeating: UInt8(1), count: 200_000)
        let isTaken = queue.add(large, group: 0, isUrgent: false)
        #expect(isTaken)
        let head = queue.next()
        let first = try #require(head)
        _ = queue.add([2], group: 0, isUrgent: true)
        let rest = drain(&queue)
        #expect(try assemble([first] + rest) == [[2], large])
    }

    @Test
    func `what does not fit is dropped, and room comes back`() {
        var queue = PeerQueue(maximumSize: 1_000)
        let isTaken = queue.add(Array(repeating: 0, count: 900), group: 0, isUrgent: false)
        let isDropped = !queue.add(Array(repeating: 0, count: 100), group: 0, isUrgent: false)
        #expect(isTaken && isDropped)
        _ = queue.next()
        let hasRoom = queue.add(Array(repeating: 0, count: 100), group: 0, isUrgent: false)
        #expect(hasRoom)
        queue.removeAll()
        #expect(queue.isEmpty && queue.size == 0)
    }

    @Test
    func `urgent messages have room of their own, and a bound of their own`() {
        var queue = PeerQueue(maximumSize: 1_000)
        let isTaken = queue.add(Array(repeating: 0, count: 900), group: 0, isUrgent: false)
        #expect(isTaken)
        let frame = Frame.encodedSize(ofBody: 100)
        for _ in 0..<RuntimeLimits.maximumUrgentSize / frame {
            let isTaken = queue.add(Array(repeating: 0, count: 100), group: 0, isUrgent: true)
            #expect(isTaken)
        }
        let isDropped = !queue.add(Array(repeating: 0, count: 100), group: 0, isUrgent: true)
        #expect(isDropped)
        // Nor do they take the room of the others.
        while let urgent = queue.next(), urgent.readableBytes == frame {}
        #expect(queue.isEmpty && queue.size == 0)
        let hasRoom = queue.add(Array(repeating: 0, count: 900), group: 0, isUrgent: false)
        #expect(hasRoom)
    }

    @Test
    func `the wait between attempts grows to a second, spread by a quarter`() {
        var backoff = Backoff()
        var generator = SystemRandomNumberGenerator()
        for middle in [50, 100, 200, 400, 800, 1_000, 1_000] {
            let wait = backoff.wait(using: &generator)
            #expect((middle * 3 / 4...middle * 5 / 4).contains(wait))
        }
        backoff.reset()
        let first = backoff.wait(using: &generator)
        #expect(first < 63)
    }
}

@Suite
struct PeerGreetingTests {
    private static let peer = Identity.node(cluster: "atlas", id: 2)

    private func network(
        featureLevel: UInt32 = 1,
        incarnation: UInt64 = 1,
        hearsLeader: Bool = true
    ) throws -> PeerNetwork {
        let tls = try TestFolder.shared.serverTLS()
        let identity = NodeIdentity(
            cluster: DoorBench.cluster,
            node: NodeID(1),
            incarnation: Incarnation(high: 7, low: incarnation)
        )
        return PeerNetwork(
            identity: identity,
            cluster: "atlas",
            roster: Roster(
                Configuration(members: DoorBench.members, featureLevel: 1),
                of: identity
            ),
            hearsLeader: { hearsLeader },
            featureLevel: featureLevel,
            serverTLS: tls,
            clientTLS: tls,
            queueSize: 1 << 20,
            inbox: Inbox {},
            snapshots: Inbox {},
            repairs: { _, _, _ in },
            metrics: NodeMetrics(),
            log: Logger(label: "test") {
                StructuredLog(label: $0, level: .critical, sink: { _ in })
            }
        )
    }

    private static func greeting(
        cluster: ClusterID? = DoorBench.cluster,
        node: UInt64 = 2,
        incarnation: UInt64 = 2,
        purpose: Greeting.Purpose = .consensus,
        lowest: UInt16 = 1
    ) -> Greeting {
        Greeting(
            cluster: cluster,
            node: NodeID(node),
            incarnation: Incarnation(high: 7, low: incarnation),
            purpose: purpose,
            lowestVersion: lowest,
            highestVersion: 9
        )
    }

    @Test
    func `a member's greeting is taken`() throws {
        let member = try network().check(Self.greeting(), from: Self.peer, purposes: [.consensus])
        #expect(member.id == NodeID(2))
    }

    @Test(arguments: [
        (greeting(cluster: nil), peer, "another cluster"),
        (greeting(cluster: ClusterID(high: 1, low: 3)), peer, "another cluster"),
        (
            greeting(node: 1, incarnation: 1), Identity.node(cluster: "atlas", id: 1),
            "this very node"
        ),
        (greeting(node: 3), peer, "another node than the certificate"),
        (greeting(node: 3), Identity.node(cluster: "atlas", id: 3), "not a member"),
        (greeting(incarnation: 9), peer, "another incarnation"),
        (greeting(purpose: .client), peer, "for nodes"),
        (greeting(purpose: .bulk), peer, "for nodes"),
        (greeting(lowest: 2), peer, "versions"),
        (greeting(), Identity.operator(cluster: "atlas", name: "x"), "another node"),
    ])
    func `a greeting that does not fit is refused`(
        _ greeting: Greeting,
        _ identity: Identity,
        _ word: String
    ) throws {
        let network = try network()
        do throws(ProtocolError) {
            _ = try network.check(greeting, from: identity, purposes: [.consensus])
            Issue.record("accepted")
        } catch {
            #expect(error.detail.contains(word), "\(error)")
        }
    }

    @Test
    func `a node that does not know all that the log may hold is refused`() throws {
        let network = try network(featureLevel: FeatureLevel.current + 1)
        do throws(ProtocolError) {
            _ = try network.check(Self.greeting(), from: Self.peer, purposes: [.consensus])
            Issue.record("accepted")
        } catch {
            #expect(error.refusal == .notSupported)
            #expect(error.detail.contains("feature level"))
        }
    }

    @Test
    func `a certificate is accepted only from where its member stands`() throws {
        let network = try network()
        func reason(_ uris: [String], dialled: UInt64? = nil) throws -> TLSRefusal.Reason? {
            let name = try NamedIdentity(uris: uris.map { Array($0.utf8) })
            return network.acceptance(of: dialled.map { NodeID($0) })(name)?.reason
        }
        let site = "cadastre-site://fr/paris/p/o"
        #expect(try reason(["cadastre://atlas/node/2", site]) == nil)
        #expect(try reason(["cadastre://atlas/node/2", site], dialled: 2) == nil)
        #expect(try reason(["cadastre://atlas/node/1", site], dialled: 2) == .notAccepted)
        #expect(try reason(["cadastre://atlas/node/3", site]) == .notAccepted)
        #expect(try reason(["cadastre://borea/node/2", site]) == .otherCluster)
        #expect(try reason(["cadastre://atlas/operator/ann"]) == .notAccepted)
        for other in ["us/paris/p/o", "fr/lyon/p/o", "fr/paris/q/o", "fr/paris/p/x"] {
            let uris = ["cadastre://atlas/node/2", "cadastre-site://" + other]
            #expect(try reason(uris) == .otherSite)
        }
    }

    @Test(arguments: [(1, true, false), (1, false, true), (9, true, true)])
    func `a stranger is let in by who hears no leader, and by who is no member itself`(
        _ incarnation: UInt64,
        _ hearsLeader: Bool,
        _ isLetIn: Bool
    ) throws {
        let network = try network(incarnation: incarnation, hearsLeader: hearsLeader)
        // One that the configuration does not name, and one with another disk than it says.
        for (node, disk) in [(3, 3), (2, 9)] as [(UInt64, UInt64)] {
            let identity = Identity.node(cluster: "atlas", id: node)
            let uris = [identity.uri, "cadastre-site://fr/lyon/p/o"].map { Array($0.utf8) }
            let name = try NamedIdentity(uris: uris)
            #expect((network.acceptance(of: nil)(name) == nil) == isLetIn)
            #expect(network.acceptance(of: NodeID(node))(name) != nil, "nobody dials it")
            let greeting = Self.greeting(node: node, incarnation: disk)
            do throws(ProtocolError) {
                let caller = try network.checkCaller(
                    greeting,
                    from: identity,
                    purposes: [.consensus]
                )
                #expect(isLetIn && caller.isStranger)
                #expect(caller.node == NodeID(node))
            } catch {
                #expect(!isLetIn, "\(error)")
            }
            #expect(throws: ProtocolError.self) {
                _ = try network.check(greeting, from: identity, purposes: [.consensus])
            }
        }
        let caller = try network.checkCaller(
            Self.greeting(),
            from: Self.peer,
            purposes: [.consensus]
        )
        #expect(!caller.isStranger)
        #expect(network.isWelcome(caller))
    }

    // A node that joins lets everybody in as a stranger: were they so for as long as the connection
    // stands, it would never hear their votes.
    @Test
    func
        `a stranger that has become a member is heard as one, and a member with another disk is not`()
        throws
    {
        let network = try network(incarnation: 9, hearsLeader: false)
        let caller = try network.checkCaller(
            Self.greeting(node: 3, incarnation: 3),
            from: .node(cluster: "atlas", id: 3),
            purposes: [.consensus]
        )
        #expect(network.isStranger(caller))
        var third = DoorBench.members[1]
        third.id = NodeID(3)
        third.peerAddress = "localhost:3"
        func take(_ member: Member) {
            network.roster.update(
                Configuration(members: DoorBench.members + [member], featureLevel: 1),
                leader: NodeID(2)
            )
        }
        third.incarnation = caller.incarnation
        take(third)
        #expect(!network.isStranger(caller))
        third.incarnation = Incarnation(high: 1, low: 1)
        take(third)
        #expect(network.isStranger(caller))
    }

    @Test
    func `whoever leaves is spoken to until it neither votes nor leads`() {
        let roster = DoorBench.roster
        let alone = Array(DoorBench.members.prefix(1))
        #expect(roster.otherVoters == 1 && roster.own != nil)
        let joint = Configuration(
            members: alone,
            outgoing: [NodeID(1), NodeID(2)],
            featureLevel: 1
        )
        roster.update(joint, leader: NodeID(2))
        #expect(roster.members == alone && roster.dialled.map(\.id) == [NodeID(2)])
        #expect(roster.member(NodeID(2)) == DoorBench.members[1])
        let last = Configuration(members: alone, featureLevel: 1)
        roster.update(last, leader: NodeID(2))
        #expect(roster.dialled.map(\.id) == [NodeID(2)], "its last words count")
        roster.update(nil, leader: NodeID(1))
        #expect(roster.dialled.isEmpty && roster.member(NodeID(2)) == nil)
    }

    @Test
    func `a greeting is read however it is split, and its rest is left`() throws {
        let bytes = Self.greeting().encode() + [1, 2, 3]
        for split in 0...bytes.count {
            var reader = GreetingReader()
            var found: Greeting?
            var left = 0
            for part in [bytes[..<split], bytes[split...]] {
                var buffer = ByteBuffer(bytes: part)
                if found == nil { found = try reader.read(&buffer) }
                left += buffer.readableBytes
            }
            #expect(found == Self.greeting())
            #expect(left == 3)
        }
    }

    @Test
    func `a stranger is known by its first wrong byte`() {
        for size in 1...8 {
            var reader = GreetingReader()
            var bytes = Array("CADASTRE".utf8.prefix(size))
            bytes[size - 1] ^= 1
            var buffer = ByteBuffer(bytes: bytes)
            #expect(throws: ProtocolError.self) { _ = try reader.read(&buffer) }
        }
    }
}
