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

@Suite
struct RedialTests {
    private static let second: UInt64 = 1_000_000_000

    @Test
    func `a peer that greets and hangs up is not dialled at once`() {
        var redial = Redial()
        var waits: [Int] = []
        for round in 1...6 as ClosedRange<UInt64> {
            redial.opened(at: round * Self.second)
            waits.append(redial.ended(at: round * Self.second + 1_000_000))
            #expect(!redial.hasJustBroken)
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
        #expect(first == 0 && redial.hasJustBroken)
        let wait = redial.ended(at: 2 * Self.second + 1)
        #expect((37...63).contains(wait))
        #expect(!redial.hasJustBroken)
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

    /// Greets, and closes at the other end's greeting.
    private final class HangsUp: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let greeting: Greeting
        private let attempts: Attempts

        init(_ greeting: Greeting, _ attempts: Attempts) {
            self.greeting = greeting
            self.attempts = attempts
        }

        func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
            guard event is TLSHandshakeCompleted else { return }
            let bytes = ByteBuffer(bytes: greeting.encode())
            context.writeAndFlush(wrapOutboundOut(bytes), promise: nil)
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            attempts.note()
            context.close(promise: nil)
        }
    }

    @Test
    func `a link to a peer that refuses it after the greeting waits ever longer`() async throws {
        let cluster = try await ThreeNodes()
        let (own, other) = (cluster.plans[0], cluster.plans[1])
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let attempts = Attempts(loop.makePromise(of: Void.self))
        let greeting = Greeting(
            cluster: own.genesis.clusterID,
            node: NodeID(2),
            incarnation: other.member.incarnation,
            purpose: .consensus
        )
        let tls = try other.tls().server
        let listener = try await ServerBootstrap(group: loop)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandlers(
                        TLSHandler(tls) { _ in nil },
                        HangsUp(greeting, attempts)
                    )
                }
            }
            .bind(host: "127.0.0.1", port: other.settings.listeners.peer.port).get()
        let network = PeerNetwork(
            identity: NodeIdentity(
                cluster: own.genesis.clusterID,
                node: NodeID(1),
                incarnation: own.member.incarnation
            ),
            cluster: own.genesis.cluster,
            members: own.genesis.members,
            featureLevel: 1,
            serverTLS: TLSContextSource(try own.tls().server),
            clientTLS: TLSContextSource(try own.tls().client),
            queueSize: 1 << 20,
            inbox: Inbox {},
            metrics: NodeMetrics(),
            log: Logger(label: "test") {
                StructuredLog(label: $0, level: .critical, sink: { _ in })
            }
        )
        let link = try await loop.submit {
            let link = PeerLink(to: other.member, network, on: loop)
            link.start()
            return NIOLoopBound(link, eventLoop: loop)
        }.get()
        try await attempts.enough.futureResult.get()
        try await loop.submit { link.value.stop() }.get()
        try await listener.close()
        let moments = attempts.all
        let waited = (moments[3] - moments[0]) / 1_000_000
        // 50, 100 and 200 ms, each a quarter less at least.
        #expect(waited >= 262, "four attempts in \(waited) ms")
    }
}
