import CadastreNode
import CadastreProtocol
import CadastreTLS
import Logging
import NIOCore
import NIOPosix
import RaftCore
import Synchronization
import Testing

@testable import CadastreRuntime

@Suite(.timeLimit(.minutes(1)))
struct RedialTests {
    private static let second: UInt64 = 1_000_000_000

    @Test
    func `a peer that greets and hangs up is not dialled at once`() {
        var redial = Redial()
        var waits: [Int] = []
        for round in 1...6 as ClosedRange<UInt64> {
            redial.opened(at: round * Self.second)
            waits.append(redial.ended(at: round * Self.second + 1_000_000))
            let saysGone = redial.refused(at: round * Self.second + 1_000_001)
            #expect(!saysGone)
        }
        for (wait, middle) in zip(waits, [50, 100, 200, 400, 800, 1_000]) {
            #expect((middle * 3 / 4...middle * 5 / 4).contains(wait))
        }
    }

    @Test
    func `a good connection that breaks is dialled again at once, and then with growing waits`() {
        var redial = Redial()
        for _ in 0..<5 { _ = redial.ended(at: 0) }
        redial.opened(at: Self.second)
        let first = redial.ended(at: 2 * Self.second)
        #expect(first == 0)
        let wait = redial.ended(at: 2 * Self.second + 1)
        #expect((37...63).contains(wait))
    }

    /// One whose good connection broke at two seconds.
    private var broken: Redial {
        var redial = Redial()
        redial.opened(at: Self.second)
        _ = redial.ended(at: 2 * Self.second)
        return redial
    }

    @Test
    func `a refusal just after a good connection broke says that the process is gone, once`() {
        var redial = broken
        // Dialled before the listener was closed, and cut with it.
        _ = redial.ended(at: 2 * Self.second + 1)
        let answers = (2...3).map { redial.refused(at: 2 * Self.second + $0) }
        #expect(answers == [true, false])
    }

    @Test
    func `a refusal long after, behind another connection or in quarantine says nothing`() {
        var late = broken
        let ofLate = late.refused(at: 3 * Self.second + 1)
        var made = broken
        made.opened(at: 2 * Self.second + 1)
        _ = made.ended(at: 2 * Self.second + 2)
        let ofMade = made.refused(at: 2 * Self.second + 3)
        var left = broken
        left.quarantine(until: 9 * Self.second)
        _ = left.ended(at: 2 * Self.second + 1)
        let ofLeft = left.refused(at: 2 * Self.second + 2)
        #expect([ofLate, ofMade, ofLeft] == [false, false, false])
    }

    @Test
    func `a peer in quarantine is dialled at its end and not before`() {
        var redial = Redial()
        redial.opened(at: Self.second)
        redial.quarantine(until: 20 * Self.second)
        let wait = redial.ended(at: 10 * Self.second)
        #expect(wait == 10_001)
        #expect(!redial.mayDial(at: 19 * Self.second))
        #expect(redial.mayDial(at: 20 * Self.second))
    }

    @Test
    func `three faults in a row make a quarantine, and a good connection begins the row anew`() {
        var conduct = PeerConduct()
        func fault(_ now: UInt64, since: UInt64) -> Bool {
            conduct.faulted(at: now * Self.second, standingSince: since * Self.second)
        }
        #expect(!fault(1, since: 0))
        #expect(!fault(2, since: 1))
        // It stood for long.
        #expect(!fault(30, since: 3))
        #expect(!fault(31, since: 30))
        conduct.ended()
        #expect(!fault(32, since: 31))
        #expect(!fault(33, since: 32))
        #expect(fault(34, since: 33))
        #expect(conduct.isQuarantined(at: 43 * Self.second))
        #expect(!conduct.isQuarantined(at: 44 * Self.second))
        #expect(!fault(45, since: 44))
    }

    /// What a listener that greets and hangs up has seen.
    private final class Attempts: Sendable {
        private let moments = Mutex<[UInt64]>([])
        let enough: EventLoopPromise<Void>

        init(_ enough: EventLoopPromise<Void>) {
            self.enough = enough
        }

        var all: [UInt64] { moments.withLock { $0 } }

        func note() {
            let count = moments.withLock { moments in
                moments.append(Clock.monotonic)
                return moments.count
            }
            if count == 4 { enough.succeed() }
        }
    }

    /// Greets, and perhaps closes at the other end's greeting.
    private final class Greets: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let greeting: Greeting
        private let attempts: Attempts
        private let hangsUp: Bool

        init(_ greeting: Greeting, _ attempts: Attempts, hangsUp: Bool) {
            self.greeting = greeting
            self.attempts = attempts
            self.hangsUp = hangsUp
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard event is TLSHandshakeCompleted else { return }
            let bytes = ByteBuffer(bytes: greeting.encode())
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            attempts.note()
            if hangsUp { context.close(promise: nil) }
        }
    }

    /// The second of three nodes, as far as a link to it sees it.
    ///
    /// One that is ending greets once; what is dialled then is cut, with the listener.
    private func listen(
        _ cluster: ThreeNodes,
        _ attempts: Attempts,
        hangsUp: Bool,
        isEnding: Bool = false,
        on loop: any EventLoop
    ) async throws -> any Channel {
        let plan = cluster.plans[1]
        let greeting = Greeting(
            cluster: plan.genesis.clusterID,
            node: NodeID(2),
            incarnation: plan.genesis.members[1].incarnation,
            purpose: .consensus
        )
        let tls = try plan.tls(of: plan.genesis.members[1]).server
        return try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if isEnding, !attempts.all.isEmpty {
                        channel.parent?.close(promise: nil)
                        channel.close(promise: nil)
                        return
                    }
                    try channel.pipeline.syncOperations.addHandlers(
                        TLSHandler(tls) { _ in nil },
                        Greets(greeting, attempts, hangsUp: hangsUp)
                    )
                }
            }
            .bind(host: "127.0.0.1", port: plan.settings.listeners.peer.port).get()
    }

    /// What the first of three nodes knows.
    private func network(
        _ cluster: ThreeNodes,
        _ inbox: Inbox<ConsensusEvent> = Inbox {}
    ) throws -> PeerNetwork {
        let own = cluster.plans[0]
        let member = own.genesis.members[0]
        let identity = NodeIdentity(
            cluster: own.genesis.clusterID,
            node: NodeID(1),
            incarnation: member.incarnation
        )
        let tls = try own.tls(of: member)
        return PeerNetwork(
            identity: identity,
            cluster: own.genesis.cluster,
            roster: Roster(
                Configuration(members: own.genesis.members, featureLevel: 1),
                of: identity
            ),
            hearsLeader: { true },
            featureLevel: 1,
            serverTLS: TLSContextSource(tls.server),
            clientTLS: TLSContextSource(tls.client),
            queueSize: 1 << 20,
            inbox: inbox,
            snapshots: Inbox {},
            repairs: { _, _, _ in },
            metrics: NodeMetrics(),
            log: Logger(label: "test") {
                StructuredLog(label: $0, level: .critical, sink: { _ in })
            }
        )
    }

    /// The way of the first of three nodes to the second, which it dials.
    private func link(
        _ cluster: ThreeNodes,
        _ network: PeerNetwork,
        on loop: any EventLoop
    ) async throws -> NIOLoopBound<PeerLink> {
        let peer = cluster.plans[1].genesis.members[1]
        return try await loop.submit {
            let link = PeerLink(to: peer, for: .consensus, network, on: loop)
            link.start()
            return NIOLoopBound(link, eventLoop: loop)
        }.get()
    }

    @Test
    func `a standing connection to a peer that is trusted no more is closed`() async throws {
        let cluster = try await ThreeNodes()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let attempts = Attempts(loop.makePromise(of: Void.self))
        let listener = try await listen(cluster, attempts, hangsUp: false, on: loop)
        let changes = Changes()
        let inbox = Inbox<ConsensusEvent> { changes.wake() }
        let network = try network(cluster, inbox)
        let link = try await link(cluster, network, on: loop)
        #expect(await changes.next(inbox) == ["connected"])
        try await loop.submit { link.value.judge(at: Clock.now()) }.get()
        let foreign = try TemporaryFolder()
        var files = network.clientTLS.current.credentials
        files.roots = [try foreign.root()]
        network.clientTLS.replace(with: try TLSContext(files, for: .client))
        try await loop.submit { link.value.judge(at: Clock.now()) }.get()
        #expect(await changes.next(inbox) == ["disconnected"])
        try await loop.submit { link.value.stop() }.get()
        try await listener.close()
        attempts.enough.succeed()
        // Once, and again if it was dialled meanwhile.
        #expect(
            !network.metrics.factory.page().contains(
                "cadastre_connections_refused_total{listener=\"peer\","
                    + "reason=\"unknown_authority\"} 0\n"
            )
        )
    }

    @Test
    func `a link dials from the address that the settings name`() async throws {
        let cluster = try await ThreeNodes()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let caller = loop.makePromise(of: String?.self)
        let listener = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                // The first counts.
                caller.succeed(channel.remoteAddress?.ipAddress)
                return channel.eventLoop.makeSucceededVoidFuture()
            }
            .bind(host: "127.0.0.1", port: cluster.plans[1].settings.listeners.peer.port).get()
        var settings = cluster.plans[0].settings
        settings.dialSource = "127.0.7.1"
        var network = try network(cluster)
        network.source = NodePlan(settings, cluster.plans[0].genesis).dialSource
        let link = try await link(cluster, network, on: loop)
        #expect(try await caller.futureResult.get() == "127.0.7.1")
        try await loop.submit { link.value.stop() }.get()
        try await listener.close()
    }

    /// Waits for what a link tells the consensus stage.
    private final class Changes: Sendable {
        private let stream = AsyncStream.makeStream(of: Void.self)

        func wake() { stream.continuation.yield() }

        func next(_ inbox: Inbox<ConsensusEvent>) async -> [String] {
            var events: [ConsensusEvent] = []
            while !inbox.take(into: &events) {
                var wakes = stream.stream.makeAsyncIterator()
                await wakes.next()
            }
            return events.map { event in
                if case .peerConnected = event { return "connected" }
                if case .peerDisconnected(_, let isRefused) = event {
                    return isRefused ? "gone" : "disconnected"
                }
                return "another"
            }
        }
    }

    /// As a process that is killed: its connections are closed before its listener is.
    @Test
    func `a link that was cut before it is refused says that the process is gone`() async throws {
        let cluster = try await ThreeNodes()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let attempts = Attempts(loop.makePromise(of: Void.self))
        _ = try await listen(cluster, attempts, hangsUp: true, isEnding: true, on: loop)
        let changes = Changes()
        let inbox = Inbox<ConsensusEvent> { changes.wake() }
        var network = try network(cluster, inbox)
        network.goodConnection = 0
        let link = try await link(cluster, network, on: loop)
        var told: [String] = []
        while told.last != "gone" { told += await changes.next(inbox) }
        #expect(told == ["connected", "disconnected", "gone"])
        try await loop.submit { link.value.stop() }.get()
        attempts.enough.succeed()
    }

    @Test
    func `a link to a peer that refuses it after the greeting waits ever longer`() async throws {
        let cluster = try await ThreeNodes()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let attempts = Attempts(loop.makePromise(of: Void.self))
        let listener = try await listen(cluster, attempts, hangsUp: true, on: loop)
        let network = try network(cluster)
        let link = try await link(cluster, network, on: loop)
        try await attempts.enough.futureResult.get()
        try await loop.submit { link.value.stop() }.get()
        try await listener.close()
        let moments = attempts.all
        let waited = (moments[3] - moments[0]) / 1_000_000
        // 50, 100 and 200 ms, each a quarter less at least.
        #expect(waited >= 262, "four attempts in \(waited) ms")
    }
}
