import CadastreNode
import CadastreProtocol
import CadastreTLS
import NIOCore
import NIOEmbedded
import RaftCore
import Testing

@testable import CadastreRuntime

@Suite
struct AdministrationDoorTests {
    @Test
    func `an operator is answered about the node`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.administration, DoorBench.operator)
        for (id, request) in [(1, AdministrationRequest.status), (2, .members)] {
            let message = RequestMessage(content: .administration(request))
            try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(message, id: UInt64(id))))
        }
        bench.loop.run()
        let replies = try DoorBench.replies(from: channel)
        guard case .done(.administration(.status(let status))) = replies.first?.1.outcome,
            case .done(.administration(.members(let members, let leader))) = replies.last?.1.outcome
        else {
            Issue.record("answered: \(replies)")
            return
        }
        #expect(status.node == 1 && status.term == 3)
        // The digest is that of this index, and not of one that another stage has heard of.
        #expect(status.appliedIndex == 9 && status.digest == [1, 2, 3])
        #expect(status.residentBytes > 0)
        #expect(members.map(\.node) == [1, 2])
        #expect(leader == 1)
    }

    @Test
    func `digests go to the state and hand-overs to consensus`() throws {
        let bench = try DoorBench()
        let channel = try bench.open(.administration, DoorBench.operator)
        let requests: [AdministrationRequest] = [
            .computeDigest(atLeastIndex: 3), .transferLeadership(to: 2),
        ]
        for (place, request) in requests.enumerated() {
            let message = RequestMessage(content: .administration(request))
            try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(message, id: UInt64(place))))
        }
        guard case .transferLeadership(to: NodeID(2), let key?) = bench.handedOver().first else {
            Issue.record("consensus was not asked")
            return
        }
        var events: [ApplyEvent] = []
        #expect(bench.apply.take(into: &events))
        guard case .digest(let digestKey, atLeast: LogIndex(3)) = events.first else {
            Issue.record("the state was not asked")
            return
        }
        #expect(digestKey.connection == key.connection)
        var replies = [
            OutgoingReply(key: key, appliedIndex: .zero, content: .transferred(to: NodeID(2)))
        ]
        Desks(all: [bench.desk]).post(&replies)
        bench.loop.run()
        let outcome = try DoorBench.replies(from: channel).first?.1.outcome
        #expect(outcome == .done(.administration(.leadershipTransferred(leader: 2))))
    }

    @Test(arguments: [
        ("", "h4:1", "h4:2", "country/city/site/operator"),
        ("fr/paris", "h4:1", "h4:2", "country/city/site/operator"),
        ("fr/paris/p/o", "h4", "h4:2", "host:port"), ("fr/paris/p/o", "h4:0", "h4:2", "host:port"),
        ("fr/paris/p/o", "0.0.0.0:1", "h4:2", "others reach it"),
        ("fr/paris/p/o", "[::]:1", "h4:2", "others reach it"),
        ("fr/paris/p/o", "h4:2", "h4:2", "stands twice"), ("fr/paris/p/o", "h4:1", "h4:2", nil),
    ])
    func `a member that nobody could dial is refused at the door`(
        _ site: String,
        _ peer: String,
        _ client: String,
        _ words: String?
    ) throws {
        let bench = try DoorBench()
        let channel = try bench.open(.administration, DoorBench.operator)
        let member = MemberDescription(
            node: 4,
            role: "learner",
            site: site,
            peerAddress: peer,
            clientAddress: client,
            administrationAddress: "h4:3",
            incarnation: "000000000000000000000000000000a4"
        )
        for change: MemberChange in [.add(member), .rejoin(member)] {
            let message = RequestMessage(
                content: .administration(.changeMembers(change, isDryRun: true))
            )
            // Without a site it is refused where it is decoded.
            try channel.writeInbound(ByteBuffer(bytes: DoorBench.frame(message, id: 1)))
            let asked = bench.handedOver()
            bench.loop.run()
            let reply = try DoorBench.replies(from: channel).first?.1
            if let words {
                #expect(asked.isEmpty)
                #expect(reply?.outcome == .refused(.invalidValue, retryAfterMilliseconds: 0))
                #expect(
                    site.isEmpty || reply?.detail.contains(words) == true,
                    "\(reply?.detail ?? "")"
                )
            } else {
                guard case .changeMembers(change, let key, isDryRun: true)? = asked.first else {
                    Issue.record("consensus was not asked: \(asked)")
                    return
                }
                var replies = [
                    OutgoingReply(
                        key: key,
                        appliedIndex: .zero,
                        content: .memberPlan(
                            MemberPlan(before: [], after: [member], isJoint: false)
                        )
                    )
                ]
                Desks(all: [bench.desk]).post(&replies)
                bench.loop.run()
                let outcome = try DoorBench.replies(from: channel).first?.1.outcome
                guard case .done(.administration(.memberPlan(let plan)))? = outcome else {
                    Issue.record("\(String(describing: outcome))")
                    return
                }
                #expect(plan.after == [member])
            }
        }
    }

    @Test(arguments: [
        ("GET /health HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 200 OK", "\"status\":\"serving\""),
        ("GET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK", "cadastre_commit_index 10\n"),
        ("GET /metrics?x=1 HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK", "cadastre_is_leader 1\n"),
        ("GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404", "all there is"),
        ("POST /health HTTP/1.1\r\ncontent-length: 2\r\n\r\nxx", "HTTP/1.1 405", "GET only"),
    ])
    func `the first byte tells HTTP from frames`(
        _ request: String,
        _ status: String,
        _ word: String
    ) throws {
        let bytes = Array(request.utf8)
        for split in [1, 5, bytes.count] {
            let bench = try DoorBench()
            let channel = try bench.connect(.administration, DoorBench.operator)
            #expect(try DoorBench.bytes(from: channel).isEmpty, "HTTP is not greeted")
            for part in [bytes[..<split], bytes[split...]] where !part.isEmpty {
                try channel.writeInbound(ByteBuffer(bytes: part))
            }
            bench.loop.run()
            let text = String(decoding: try DoorBench.bytes(from: channel), as: UTF8.self)
            #expect(text.hasPrefix(status), "\(text)")
            #expect(text.contains(word))
            #expect(!channel.isActive)
        }
    }

    @Test
    func `a node without a leader, or one that stops, is not healthy`() {
        var view = NodeView.Content()
        #expect(!Health(view).isServing)
        view.leader = NodeID(2)
        #expect(Health(view).isServing)
        view.isStopping = true
        #expect(!Health(view).isServing)
        #expect(Health(view).json.contains("shutting_down"))
    }

    @Test
    func `frames on the administration listener are greeted at their first byte`() throws {
        let bench = try DoorBench()
        let channel = try bench.connect(.administration, DoorBench.operator)
        let bytes = DoorBench.greeting(.administration).encode()
        try channel.writeInbound(ByteBuffer(bytes: bytes[..<1]))
        let greeting = try Greeting(decoding: DoorBench.bytes(from: channel))
        #expect(greeting.purpose == .administration)
        try channel.writeInbound(ByteBuffer(bytes: bytes[1...]))
        #expect(try DoorBench.bytes(from: channel).isEmpty)
        #expect(channel.isActive)
    }
}
