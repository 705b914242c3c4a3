import CadastreNode
import CadastreProtocol
import CadastreTLS
import NIOCore
import NIOEmbedded
import RaftCore
import Testing

@testable import CadastreRuntime

@Suite
struct DoorTests {
    @Test
    func `a client is greeted, and its requests go to consensus in one hand-over`() throws {
        let bench = try DoorBench()
        let channel = try bench.connect(.client, DoorBench.service)
        let greeting = try Greeting(decoding: DoorBench.bytes(from: channel))
        #expect(greeting.node == NodeID(1))
        #expect(greeting.purpose == .client)
        let query = RequestMessage(
            tenant: SampleRequests.a,
            content: .query(.getUsage(bucket: nil))
        )
        try channel.writeInbound(
            ByteBuffer(
                bytes: DoorBench.greeting(.client).encode()
                    + DoorBench.frame(DoorBench.put(), id: 1)
                    + DoorBench.frame(DoorBench.put(), id: 2) + DoorBench.frame(query, id: 3)
            )
        )
        let events = bench.handedOver()
        #expect(events.count == 2)
        guard case .commands(let commands) = events.first, case .queries(let queries) = events.last
        else {
            Issue.record("handed over: \(events)")
            return
        }
        #expect(commands.count == 2)
        #expect(commands.allSatisfy { $0.tenant == TenantID(1) })
        #expect(queries.map(\.tenant) == [TenantID(1)])
        let envelope = try CommandEnvelope(decoding: commands[0].bytes)
        #expect(envelope.principal == .service(name: Array("gateway".utf8)))
        #expect(envelope.command == SampleRequests.put)
        #expect(bench.desk.inFlight == 3)
    }

    @Test
    func `every split of greeting and requests gives the same`() throws {
        let bytes =
            DoorBench.greeting(.client).encode() + DoorBench.frame(DoorBench.put(), id: 1)
            + DoorBench.frame(DoorBench.put(), id: 2)
        for split in 0...bytes.count {
            let bench = try DoorBench()
            let channel = try bench.connect(.client, DoorBench.service)
            for part in [bytes[..<split], bytes[split...]] where !part.isEmpty {
                try channel.writeInbound(ByteBuffer(bytes: part))
            }
            var count = 0
            for case .commands(let commands) in bench.handedOver() { count += commands.count }
            #expect(count == 2, "split at \(split)")
        }
    }

    @Test
    func `replies go back under the client's numbers, in one write`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, DoorBench.service)
        let frames =
            DoorBench.frame(DoorBench.put(), id: 77) + DoorBench.frame(DoorBench.put(), id: 5)
        try channel.writeInbound(ByteBuffer(bytes: frames))
        guard case .commands(let commands) = bench.handedOver().first else {
            Issue.record("nothing was handed over")
            return
        }
        var replies = [
            OutgoingReply(
                key: commands[1].key,
                appliedIndex: LogIndex(9),
                content: .command(.done(sequence: 4))
            ),
            OutgoingReply(
                key: commands[0].key,
                appliedIndex: LogIndex(9),
                content: .refused(.notLeader, leader: NodeID(2))
            ),
        ]
        Desks(all: [bench.desk]).post(&replies)
        bench.loop.run()
        let answered = try DoorBench.replies(from: channel)
        #expect(answered.map(\.0) == [5, 77])
        #expect(answered.first?.1.outcome == .done(.command(.done(sequence: 4))))
        #expect(answered.first?.1.appliedIndex == 9)
        #expect(answered.last?.1.leader == LeaderHint(node: 2, address: "h2:2"))
        #expect(bench.desk.inFlight == 0)
        // A stage that answers twice is not heard twice.
        var late = [OutgoingReply(key: commands[0].key, appliedIndex: .zero, content: .unknown)]
        Desks(all: [bench.desk]).post(&late)
        bench.loop.run()
        #expect(try DoorBench.bytes(from: channel).isEmpty)
    }

    @Test
    func `an answer that is encoded already is framed as the protocol says`() throws {
        let answer = Answer.usage(Usage(buckets: 1, objects: 2, bytes: 3))
        let writer = ReplyWriter(roster: DoorBench.roster, listener: .client)
        let advice = RetryAdvice(whenOverloaded: 10)
        var bytes: [UInt8] = []
        writer.append(
            OutgoingReply(
                key: RequestKey(connection: 1, request: 1),
                appliedIndex: LogIndex(0x0102_0304_0506),
                content: .answer(answer.encode())
            ),
            to: 3,
            advice,
            &bytes
        )
        var assembler = FrameAssembler()
        let message = try #require(try assembler.receive(bytes).first)
        let reply = try ReplyMessage(decoding: message.body)
        #expect(reply.outcome == .done(.query(answer)))
        #expect(reply.appliedIndex == 0x0102_0304_0506)
    }

    @Test(arguments: [0, 1, 100, 1_000], [false, true])
    func `a page is framed as any reply`(count: Int, isBehindAnother: Bool) throws {
        let items = (0..<count).map { number in
            ListItem.object(
                key: Array("key \(number)".utf8) + [UInt8](repeating: 7, count: 100),
                sequence: UInt64(number),
                size: UInt64(number) << 20,
                etag: [1, 2, 3],
                modifiedMilliseconds: 1_700_000_000_000
            )
        }
        let page = ObjectPage(items: ListItems(items), isTruncated: count > 0, next: [1, 2])
        let writer = ReplyWriter(roster: DoorBench.roster, listener: .client)
        var bytes: [UInt8] = []
        if isBehindAnother { writer.append(ReplyMessage(outcome: .unknown), to: 2, &bytes) }
        var expected = bytes
        let whole = ReplyMessage(outcome: .done(.query(.objects(page))), appliedIndex: 9)
        writer.append(whole, to: 3, &expected)
        writer.append(
            OutgoingReply(
                key: RequestKey(connection: 1, request: 1),
                appliedIndex: LogIndex(9),
                content: .page(page)
            ),
            to: 3,
            RetryAdvice(whenOverloaded: 10),
            &bytes
        )
        #expect(bytes == expected)
        #expect(Answer.objects(page).encode().count == page.answerSize)
    }

    @Test(arguments: [
        (DoorBench.service, "a", Refusal?.none), (DoorBench.service, "b", .notPermitted),
        (DoorBench.service, "absent", .notPermitted), (DoorBench.stranger, "a", .notPermitted),
    ])
    func `a service is refused what was not granted`(
        _ identity: Identity,
        _ tenant: String,
        _ expected: Refusal?
    ) throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, identity)
        var request = DoorBench.put()
        request.tenant = Array(tenant.utf8)
        try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(request, id: 1)))
        let outcome = try DoorBench.replies(from: channel).first?.1.outcome
        #expect(outcome == expected.map { .refused($0) })
        #expect(bench.handedOver().isEmpty == (expected != nil))
    }

    @Test
    func `a node that may be behind does not say that something is not permitted`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, DoorBench.stranger)
        bench.view.update { content in
            content.role = .follower
            content.leader = NodeID(2)
            content.isSettledLeader = false
        }
        try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(DoorBench.put(), id: 1)))
        bench.view.update { content in content.leader = .none }
        try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(DoorBench.put(), id: 2)))
        let replies = try DoorBench.replies(from: channel)
        #expect(replies[0].1.outcome == .refused(.notLeader, retryAfterMilliseconds: 50))
        #expect(replies[0].1.leader?.address == "h2:2")
        #expect(replies[1].1.outcome == .refused(.notReady, retryAfterMilliseconds: 50))
    }

    @Test
    func `reads of any age go straight to the state`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, DoorBench.service)
        for (id, consistency) in [(1, Consistency.any), (2, .atLeast(index: 40))] {
            let request = RequestMessage(
                consistency: consistency,
                tenant: SampleRequests.a,
                content: .query(SampleRequests.list)
            )
            try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(request, id: UInt64(id))))
        }
        #expect(bench.handedOver().isEmpty)
        var events: [ApplyEvent] = []
        #expect(bench.apply.take(into: &events))
        let indexes = events.compactMap { event -> UInt64? in
            guard case .query(_, let index) = event else { return nil }
            return index.value
        }
        #expect(indexes == [0, 40])
        // Nothing waits for what the cluster may never reach.
        let far = RequestMessage(
            consistency: .atLeast(index: 10 + RuntimeLimits.maximumIndexLookahead),
            tenant: SampleRequests.a,
            content: .query(SampleRequests.list)
        )
        try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(far, id: 4)))
        #expect(
            try DoorBench.replies(from: channel).first?.1.outcome
                == .refused(.notReady, retryAfterMilliseconds: 50)
        )
    }

    @Test
    func `reads of a bounded age ask consensus, with that age`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, DoorBench.service)
        for (id, milliseconds) in [(1, UInt64(7)), (2, ProtocolLimits.maximumQuantity)] {
            let request = RequestMessage(
                consistency: .bounded(milliseconds: milliseconds),
                tenant: SampleRequests.a,
                content: .query(SampleRequests.list)
            )
            try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(request, id: UInt64(id))))
        }
        let ages = bench.handedOver().flatMap { event -> [UInt64?] in
            guard case .queries(let queries) = event else { return [] }
            return queries.map(\.maximumAge)
        }
        #expect(ages == [7_000_000, .max])
    }

    @Test
    func `too many requests are refused with advice, on a connection and for a tenant`() throws {
        let bench = try DoorBench(connectionRequests: 3, tenantRequests: 4)
        let first = try bench.open(.client, DoorBench.service)
        let second = try bench.open(.client, DoorBench.service)
        for id in 1...5 as ClosedRange<UInt64> {
            try first.writeInbound(ByteBuffer(bytes: DoorBench.frame(DoorBench.put(), id: id)))
        }
        #expect(try DoorBench.replies(from: first).map(\.0) == [4, 5])
        for id in 1...2 as ClosedRange<UInt64> {
            try second.writeInbound(ByteBuffer(bytes: DoorBench.frame(DoorBench.put(), id: id)))
        }
        let refused = try DoorBench.replies(from: second)
        #expect(refused.map(\.0) == [2])
        #expect(refused.first?.1.outcome == .refused(.overloaded, retryAfterMilliseconds: 10))
        // A closed connection gives back what it took.
        try first.close().wait()
        bench.loop.run()
        #expect(bench.desk.inFlight == 1)
    }

    @Test
    func `past its deadline a command is unknown and a query refused`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, DoorBench.service)
        let query = RequestMessage(
            tenant: SampleRequests.a,
            deadlineMilliseconds: 1,
            content: .query(SampleRequests.list)
        )
        let frames =
            DoorBench.frame(DoorBench.put(deadline: 1), id: 1) + DoorBench.frame(query, id: 2)
            + DoorBench.frame(DoorBench.put(deadline: 60_000), id: 3)
        try channel.writeInbound(ByteBuffer(bytes: frames))
        bench.desk.sweep(at: Clock.now())
        #expect(try DoorBench.replies(from: channel).isEmpty, "consensus is asked first")
        var later = Clock.now()
        later.monotonic += 2 * RuntimeLimits.requestGrace
        bench.desk.sweep(at: later)
        let replies = try DoorBench.replies(from: channel)
        #expect(replies.map(\.0) == [1, 2])
        #expect(replies[0].1.outcome == .unknown)
        #expect(replies[1].1.outcome == .refused(.deadlinePassed))
        #expect(bench.desk.inFlight == 1)
    }

    @Test
    func `a hand-over of leadership that is late may still happen`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.administration, DoorBench.operator)
        for (id, request) in [
            (1, AdministrationRequest.transferLeadership(to: 2)),
            (2, .computeDigest(atLeastIndex: 100)),
        ] {
            let message = RequestMessage(
                deadlineMilliseconds: 1,
                content: .administration(request)
            )
            try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(message, id: UInt64(id))))
        }
        var later = Clock.now()
        later.monotonic += 2 * RuntimeLimits.requestGrace
        bench.desk.sweep(at: later)
        let outcomes = try DoorBench.replies(from: channel).map(\.1.outcome)
        #expect(outcomes == [.unknown, .refused(.deadlinePassed)])
    }

    @Test
    func `a command above the cluster's feature level is not taken`() throws {
        let bench = try DoorBench(featureLevel: 0)
        let channel = try bench.open(.client, DoorBench.service)
        try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(DoorBench.put(), id: 1)))
        let reply = try DoorBench.replies(from: channel).first?.1
        #expect(reply?.outcome == .refused(.notSupported))
        #expect(reply?.detail.contains("feature level 1") == true)
        #expect(bench.handedOver().isEmpty)
    }

    @Test
    func `a command under a token is not taken yet`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, DoorBench.service)
        var put = DoorBench.put()
        put.identity = .token(1, 2, hash: Array(repeating: 3, count: RequestIdentity.hashSize))
        try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(put, id: 1)))
        let outcome = try DoorBench.replies(from: channel).first?.1.outcome
        #expect(outcome == .refused(.notSupported))
        #expect(bench.handedOver().isEmpty)
    }

    @Test
    func `a connection that ends without a close is counted`() throws {
        let bench = try DoorBench()
        for error in [TLSError.truncated, .broken(reason: "altered")] {
            let channel = try bench.open(.client, DoorBench.service)
            channel.pipeline.fireErrorCaught(error)
            bench.loop.run()
            #expect(!channel.isActive)
        }
        let page = bench.metrics.factory.page()
        #expect(page.contains("cadastre_connections_cut_total{listener=\"client\"} 1\n"))
        #expect(page.contains("cadastre_protocol_faults_total{listener=\"client\"} 1\n"))
    }

    @Test
    func `a connection ends with its certificate`() throws {
        let bench = try DoorBench()
        let channel = try bench.connect(.client, DoorBench.service, notAfter: 1_000)
        try channel.writeInbound(ByteBuffer(bytes: DoorBench.greeting(.client).encode()))
        bench.desk.sweep(at: Moment(monotonic: 1, wall: 1_000_999))
        #expect(channel.isActive)
        bench.desk.sweep(at: Moment(monotonic: 2, wall: 1_001_000))
        #expect(!channel.isActive)
    }

    @Test
    func `a node that shuts down says goodbye and refuses`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, DoorBench.service)
        bench.desk.stopAdmitting()
        var assembler = FrameAssembler()
        let messages = try assembler.receive(DoorBench.bytes(from: channel))
        #expect(messages.map(\.header.kind) == [.goodbye])
        try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(DoorBench.put(), id: 1)))
        let outcome = try DoorBench.replies(from: channel).first?.1.outcome
        #expect(outcome == .refused(.shuttingDown))
    }

    @Test(
        arguments: [
            ([2, 0, 0, 0], Refusal.unknownVerb), ([1, 9, 1, 0], .malformed),
            ([9, 0, 1, 0], .notSupported),
            ([1, 0, 1, 200], .malformed), ([1, 0, 1], .malformed),
        ] as [([UInt8], Refusal)]
    )
    func `a request that cannot be read is refused, not fatal`(
        _ start: [UInt8],
        _ expected: Refusal
    ) throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, DoorBench.service)
        var body = start
        if start.count == 4 { body += Array(repeating: 0, count: 76) }
        var bytes: [UInt8] = []
        Frame.append(.request, group: 0, requestID: 8, body: body, to: &bytes)
        Frame.append(.request, group: 4, requestID: 9, body: body, to: &bytes)
        try channel.writeInbound(ByteBuffer(bytes: bytes))
        let replies = try DoorBench.replies(from: channel)
        #expect(replies.map(\.0) == [8, 9])
        #expect(replies.first?.1.outcome == .refused(expected))
        #expect(replies.first?.1.detail.isEmpty == false)
        #expect(replies.last?.1.outcome == .refused(.notSupported))
        #expect(channel.isActive)
    }

    @Test(arguments: [
        Array("GET / HTTP/1.1\r\n\r\n".utf8), Array(repeating: 0, count: 96),
        DoorBench.greeting(.administration).encode(),
        Greeting(
            cluster: ClusterID(high: 9, low: 9),
            node: .none,
            incarnation: nil,
            purpose: .client
        )
        .encode(),
        Greeting(cluster: nil, node: NodeID(2), incarnation: nil, purpose: .client).encode(),
        Greeting(
            cluster: nil,
            node: .none,
            incarnation: nil,
            purpose: .client,
            lowestVersion: 2,
            highestVersion: 9
        ).encode(),
        DoorBench.greeting(.client).encode() + Array(repeating: 0, count: 24),
        DoorBench.greeting(.client).encode() + Array(repeating: 0xFF, count: 24),
        DoorBench.greeting(.client).encode() + FrameHeader.bytes(.reply),
        DoorBench.greeting(.client).encode() + FrameHeader.bytes(.peer),
    ])
    func `what no client sends ends the connection, once and counted`(_ bytes: [UInt8]) throws {
        let bench = try DoorBench()
        let channel = try bench.connect(.client, DoorBench.service)
        try channel.writeInbound(ByteBuffer(bytes: bytes))
        bench.loop.run()
        #expect(!channel.isActive)
        let page = bench.metrics.factory.page()
        let counted = page.split(separator: "\n").filter {
            ($0.hasPrefix("cadastre_protocol_faults_total{listener=\"client\"}")
                || $0.contains("listener=\"client\",reason=\"greeting\"")) && $0.hasSuffix(" 1")
        }
        #expect(counted.count == 1)
        #expect(bench.handedOver().isEmpty)
    }

    @Test
    func `a client that closes its side still gets its replies`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.client, DoorBench.service)
        try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(DoorBench.put(), id: 1)))
        channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        #expect(channel.isActive)
        guard case .commands(let commands) = bench.handedOver().first else {
            Issue.record("nothing was handed over")
            return
        }
        var replies = [
            OutgoingReply(key: commands[0].key, appliedIndex: .zero, content: .command(.done()))
        ]
        Desks(all: [bench.desk]).post(&replies)
        bench.loop.run()
        #expect(try DoorBench.replies(from: channel).count == 1)
        #expect(!channel.isActive)
    }
}

extension FrameHeader {
    /// A header of this kind, without a body.
    static func bytes(_ kind: FrameKind) -> [UInt8] {
        var bytes: [UInt8] = []
        FrameHeader(kind: kind, group: 0, requestID: 1, bodySize: 0).append(to: &bytes)
        return bytes
    }
}
