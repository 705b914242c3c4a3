import CadastreNode
import CadastreProtocol
import CadastreTLS
import NIOCore
import NIOEmbedded
import RaftCore
import Testing

@testable import CadastreRuntime

/// What no client can do to the others.
@Suite
struct DoorLimitTests {
    /// A second tenant's own certificate.
    private static let tenantB = Identity.tenant(cluster: "atlas", tenant: "b", name: "x")

    /// A request for a full page of a list.
    private static func list(deadline: UInt32 = 0) -> RequestMessage {
        RequestMessage(
            tenant: SampleRequests.a,
            deadlineMilliseconds: deadline,
            content: .query(
                .listObjects(ObjectListing(bucket: SampleRequests.bucket, maximum: 1_000))
            )
        )
    }

    private static let open = RequestMessage(
        content: .command(.openSession(OpenSession(slots: 1)))
    )

    /// Sends a request so many times; returns what was refused at once.
    private func send(
        _ request: RequestMessage,
        _ count: Int,
        on channel: EmbeddedChannel
    ) throws -> [ReplyOutcome] {
        var bytes: [UInt8] = []
        for id in 0..<count { bytes += DoorBench.frame(request, id: UInt64(id)) }
        try channel.writeInbound(ByteBuffer(bytes: bytes))
        return try DoorBench.replies(from: channel).map(\.1.outcome)
    }

    /// Answers everything that was handed over as refused.
    private func answerAll(_ bench: DoorBench) {
        var replies: [OutgoingReply] = []
        func refuse(_ key: RequestKey) {
            let content = CadastreNode.ReplyContent.refused(.notLeader, leader: .none)
            replies.append(OutgoingReply(key: key, appliedIndex: .zero, content: content))
        }
        let events = bench.handedOver()
        for case .commands(let commands) in events { for each in commands { refuse(each.key) } }
        for case .queries(let queries) in events { for each in queries { refuse(each.key) } }
        Desks(all: [bench.desk]).post(&replies)
        bench.loop.run()
    }

    // MARK: Shares

    @Test
    func `one connection of one tenant leaves room for other tenants and for operators`() throws {
        let bench = try DoorBench(connectionRequests: 1_024, tenantRequests: 4_096)
        let greedy = try bench.open(.client, DoorBench.service)
        let refused = try send(Self.list(), 1_000, on: greedy)
        #expect(!refused.isEmpty && refused.count < 1_000)
        let modest = try bench.open(.client, Self.tenantB)
        var other = Self.list()
        other.tenant = nil
        let ofModest = try send(other, 1, on: modest)
        #expect(ofModest.isEmpty)
        let boss = try bench.open(.administration, DoorBench.operator)
        let tenants = RequestMessage(content: .query(.listTenants(after: [], maximum: 1_000)))
        let ofBoss = try send(tenants, 1, on: boss)
        #expect(ofBoss.isEmpty)
    }

    @Test
    func `hanging up does not free what the stages still work on`() throws {
        let bench = try DoorBench(connectionRequests: 1_024, tenantRequests: 4)
        for _ in 0..<2 {
            let channel = try bench.open(.client, DoorBench.service)
            _ = try send(DoorBench.put(), 2, on: channel)
            try channel.close().wait()
            bench.loop.run()
        }
        #expect(bench.desk.inFlight == 0)
        #expect(bench.desk.admission.count == 4)
        let third = try bench.open(.client, DoorBench.service)
        #expect(try send(DoorBench.put(), 1, on: third).count == 1)
        answerAll(bench)
        #expect(bench.desk.admission.count == 0)
        let ofThird = try send(DoorBench.put(), 1, on: third)
        #expect(ofThird.isEmpty)
    }

    @Test
    func `hanging up tells the state that nobody waits`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, DoorBench.service)
        var query = Self.list()
        query.consistency = .atLeast(index: 100)
        _ = try send(query, 2, on: channel)
        try channel.close().wait()
        bench.loop.run()
        var events: [ApplyEvent] = []
        #expect(bench.apply.take(into: &events))
        guard case .query(let first, _) = events.first, case .forget(let connection) = events.last
        else {
            Issue.record("told: \(events)")
            return
        }
        #expect(events.count == 3 && first.key.connection == connection)
    }

    @Test
    func `a deadline that passed does not free it either, but not for ever`() throws {
        let bench = try DoorBench(tenantRequests: 2)
        let channel = try bench.open(.client, DoorBench.service)
        _ = try send(DoorBench.put(deadline: 1), 2, on: channel)
        var later = Clock.now()
        later.monotonic += 2 * RuntimeLimits.requestGrace
        bench.desk.sweep(at: later)
        #expect(try DoorBench.replies(from: channel).map(\.1.outcome) == [.unknown, .unknown])
        #expect(bench.desk.admission.count == 2)
        later.monotonic += RuntimeLimits.abandonedTimeout
        bench.desk.sweep(at: later)
        #expect(bench.desk.admission.count == 0)
        #expect(bench.desk.admission.size == 0)
    }

    @Test
    func `sessions are charged and take turns by caller`() throws {
        let bench = try DoorBench(connectionRequests: 64, tenantRequests: 3)
        let service = try bench.open(.client, DoorBench.service)
        #expect(try send(Self.open, 5, on: service).count == 2)
        // Neither another caller's share nor a tenant's is touched by it.
        let other = try bench.open(.client, DoorBench.stranger)
        let ofOther = try send(Self.open, 1, on: other)
        #expect(ofOther.isEmpty)
        let ofService = try send(DoorBench.put(), 1, on: service)
        #expect(ofService.isEmpty)
        let boss = try bench.open(.administration, DoorBench.operator)
        let ofBoss = try send(Self.open, 1, on: boss)
        #expect(ofBoss.isEmpty)
        var turns: Set<TenantID> = []
        for case .commands(let commands) in bench.handedOver() {
            for command in commands {
                let envelope = try CommandEnvelope(decoding: command.bytes)
                if case .openSession = envelope.command {
                    #expect(envelope.tenant == .none)
                    turns.insert(command.tenant)
                } else {
                    #expect(command.tenant == TenantID(1))
                }
            }
        }
        #expect(turns.count == 3)
    }

    @Test
    func `after everything is answered and read nothing is charged, and the gauge is back at 0`()
        throws
    {
        let bench = try DoorBench(connectionRequests: 64, tenantRequests: 64)
        let channel = try bench.open(.client, DoorBench.service)
        _ = try send(DoorBench.put(), 5, on: channel)
        _ = try send(Self.list(), 5, on: channel)
        func gauge() -> String? {
            bench.desk.sweep(at: Clock.now())
            bench.context.sample()
            return bench.metrics.factory.page().split(separator: "\n")
                .first { $0.hasPrefix("cadastre_requests_in_flight ") }.map(String.init)
        }
        #expect(gauge() == "cadastre_requests_in_flight 10")
        answerAll(bench)
        #expect(gauge() == "cadastre_requests_in_flight 0")
        #expect(bench.desk.admission.size == 0)
        try channel.close().wait()
        bench.loop.run()
        bench.context.sample()
        #expect(
            bench.metrics.factory.page().contains("cadastre_connections{listener=\"client\"} 0\n")
        )
    }

    // MARK: Replies that are not read

    @Test
    func `a reply keeps its room until the socket has taken it`() throws {
        let bench = try DoorBench()
        let socket = HeldWrites()
        let channel = try bench.open(.client, DoorBench.service, behind: [socket])
        _ = try send(DoorBench.put(), 2, on: channel)
        let before = bench.desk.admission.size
        socket.isHolding = true
        answerAll(bench)
        #expect(bench.desk.admission.count == 0)
        #expect((1..<before).contains(bench.desk.admission.size))
        socket.release()
        #expect(bench.desk.admission.size == 0)
    }

    @Test
    func `a client that does not read is closed after its time or past its bytes`() throws {
        let bench = try DoorBench(connectionRequests: 64)
        for isLarge in [false, true] {
            let socket = HeldWrites()
            let channel = try bench.open(.client, DoorBench.service, behind: [socket])
            _ = try send(Self.list(), 3, on: channel)
            socket.isHolding = true
            var replies: [OutgoingReply] = []
            for case .queries(let queries) in bench.handedOver() {
                for query in queries {
                    let answer = Array(repeating: UInt8(0), count: isLarge ? 1 << 20 : 10)
                    replies.append(
                        OutgoingReply(key: query.key, appliedIndex: .zero, content: .answer(answer))
                    )
                }
            }
            Desks(all: [bench.desk]).post(&replies)
            bench.loop.run()
            #expect(channel.isActive == !isLarge)
            var later = Clock.now()
            later.monotonic += RuntimeLimits.slowReaderTimeout + 1_000_000_000
            bench.desk.sweep(at: later)
            bench.loop.run()
            #expect(!channel.isActive)
            #expect(bench.desk.admission.size == 0)
        }
        #expect(
            bench.metrics.factory.page()
                .contains("cadastre_protocol_faults_total{listener=\"client\"} 2")
        )
    }

    @Test
    func `a client that has closed its side gets its replies before the end`() throws {
        let bench = try DoorBench()
        let socket = HeldWrites()
        let channel = try bench.open(.client, DoorBench.service, behind: [socket])
        _ = try send(DoorBench.put(), 1, on: channel)
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        socket.isHolding = true
        answerAll(bench)
        #expect(channel.isActive, "the reply is still on its way to the socket")
        socket.release()
        #expect(try DoorBench.replies(from: channel).count == 1)
        #expect(!channel.isActive)
    }

    // MARK: Messages that do not come whole

    @Test
    func `a frame that comes byte by byte is given up after its time`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, DoorBench.service)
        let frame = DoorBench.frame(DoorBench.put(), id: 1)
        try channel.writeInbound(ByteBuffer(bytes: frame[..<30]))
        let start = Clock.now()
        var moment = start
        moment.monotonic += RuntimeLimits.messageTimeout - 1_000_000_000
        // A byte now and then makes it no younger, nor do whole messages before it.
        try channel.writeInbound(ByteBuffer(bytes: frame[30..<31]))
        bench.desk.sweep(at: moment)
        #expect(channel.isActive)
        moment.monotonic = start.monotonic + RuntimeLimits.messageTimeout + 1_000_000_000
        bench.desk.sweep(at: moment)
        #expect(!channel.isActive)
    }

    @Test
    func `a message that has come whole leaves no deadline behind`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, DoorBench.service)
        let frame = DoorBench.frame(DoorBench.put(deadline: 60_000), id: 1)
        try channel.writeInbound(ByteBuffer(bytes: frame[..<30]))
        try channel.writeInbound(ByteBuffer(bytes: frame[30...]))
        var moment = Clock.now()
        moment.monotonic += RuntimeLimits.messageTimeout + 1_000_000_000
        bench.desk.sweep(at: moment)
        #expect(channel.isActive)
        #expect(bench.desk.inFlight == 1)
    }

    @Test
    func `half-received messages of all connections together have a bound`() throws {
        let bench = try DoorBench(queueSize: 16 << 20)
        var frame: [UInt8] = []
        FrameHeader(kind: .request, hasMorePieces: true, group: 0, requestID: 1, bodySize: 65_536)
            .append(to: &frame)
        frame += Array(repeating: 0, count: 65_536)
        var channels: [EmbeddedChannel] = []
        for _ in 0..<3 {
            let channel = try bench.open(.client, DoorBench.service)
            channels.append(channel)
            for _ in 0..<60 where channel.isActive {
                try channel.writeInbound(ByteBuffer(bytes: frame))
                bench.loop.run()
            }
        }
        #expect(bench.desk.admission.size < 16 << 20)
        #expect(channels.contains { !$0.isActive }, "one of them found no room")
        // Others still do.
        let other = try bench.open(.client, Self.tenantB)
        let ofOther = try send(Self.open, 1, on: other)
        #expect(ofOther.isEmpty)
        for channel in channels where channel.isActive { try channel.close().wait() }
        bench.loop.run()
        answerAll(bench)
        #expect(bench.desk.admission.size == 0)
    }

    // MARK: Connections

    @Test
    func `a flood of strangers drops the oldest of them and nobody else`() throws {
        let bench = try DoorBench()
        let known = try bench.open(.client, DoorBench.service)
        var strangers: [EmbeddedChannel] = []
        for _ in 0..<RuntimeLimits.strangersPerListener + 3 {
            let channel = EmbeddedChannel(loop: bench.loop)
            try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
            bench.desk.add(stranger: channel, on: .client)
            strangers.append(channel)
        }
        bench.loop.run()
        #expect(strangers.prefix(3).allSatisfy { !$0.isActive })
        #expect(strangers.dropFirst(3).allSatisfy { $0.isActive })
        #expect(known.isActive)
        let boss = try bench.open(.administration, DoorBench.operator)
        #expect(boss.isActive)
        #expect(
            bench.metrics.factory.page().contains(
                "cadastre_connections_refused_total{listener=\"client\",reason=\"too_many\"} 3"
            )
        )
        for channel in strangers where channel.isActive { try channel.close().wait() }
    }

    @Test
    func `clients cannot use up the connections of operators, nor one identity those of others`()
        throws
    {
        let bench = try DoorBench()
        let own = try (0..<4).map { _ in try bench.open(.client, DoorBench.service) }
        bench.loop.run()
        #expect(own.map(\.isActive) == [true, true, true, false])
        let other = try bench.open(.client, DoorBench.stranger)
        #expect(other.isActive)
        let tooMany = try bench.open(.client, Self.tenantB)
        bench.loop.run()
        #expect(!tooMany.isActive)
        let boss = try bench.open(.administration, DoorBench.operator)
        #expect(boss.isActive)
        // An end makes room for another one.
        try own[0].close().wait()
        bench.loop.run()
        let last = try bench.open(.client, Self.tenantB)
        #expect(last.isActive)
    }

    @Test
    func `a connection without requests does not stand for ever`() throws {
        let bench = try DoorBench()
        let idle = try bench.open(.client, DoorBench.service)
        let busy = try bench.open(.client, DoorBench.service)
        _ = try send(DoorBench.put(deadline: 60_000), 1, on: busy)
        var moment = Clock.now()
        moment.monotonic += RuntimeLimits.messageTimeout
        bench.desk.sweep(at: moment)
        #expect(idle.isActive)
        moment.monotonic += RuntimeLimits.idleTimeout
        bench.desk.sweep(at: moment)
        #expect(!idle.isActive)
    }

    @Test
    func `what a reload no longer trusts is closed`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, DoorBench.service)
        bench.desk.sweep(at: Clock.now())
        #expect(channel.isActive)
        // The same files, read again: nothing has changed.
        let files = TestFolder.shared.credentials("node-server")
        bench.context.tls.replace(with: try TLSContext(files, for: .server))
        bench.desk.sweep(at: Clock.now())
        #expect(channel.isActive)
        let foreign = try TemporaryFolder()
        var other = files
        other.roots = [try foreign.root()]
        let stranger = try TLSContext(other, for: .server)
        bench.context.tls.replace(with: stranger)
        bench.desk.sweep(at: Clock.now())
        #expect(!channel.isActive)
        #expect(
            bench.metrics.factory.page().contains(
                "cadastre_connections_refused_total{listener=\"client\","
                    + "reason=\"unknown_authority\"} 1"
            )
        )
    }
}

/// Stands where the socket would, and takes what is written only when it is told to.
final class HeldWrites: ChannelOutboundHandler {
    typealias OutboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    var isHolding = false
    private var held: [(NIOAny, EventLoopPromise<Void>?)] = []
    private var context: ChannelHandlerContext?

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        for (_, promise) in held { promise?.fail(ChannelError.ioOnClosedChannel) }
        held = []
        self.context = nil
    }

    func write(
        context: ChannelHandlerContext,
        data: NIOAny,
        promise: EventLoopPromise<Void>?
    ) {
        if isHolding {
            held.append((data, promise))
        } else {
            context.write(data, promise: promise)
        }
    }

    /// Lets everything through.
    func release() {
        isHolding = false
        let all = held
        held = []
        for (data, promise) in all { context?.write(data, promise: promise) }
        context?.flush()
    }
}

extension TemporaryFolder {
    /// The file of a root that nobody knows.
    func root() throws -> String {
        let validity = Validity(now: Int64(Clock.now().wall / 1_000), days: 1)
        let authority = try CertificateAuthority(creating: "another root", validity: validity)
        let file = path + "/root.pem"
        try authority.write(certificate: file, key: path + "/root.key")
        return file
    }
}
