import CadastreClient
import CadastreProtocol
import Testing

@Suite
struct `Client` {
    let state = FakeState()

    @Test
    func `a write is done and its session is opened once and closed at the end`() async throws {
        let node = try await FakeNode(1) { [state] in .reply(state.apply($0)) }
        let client = try makeClient([node.address])
        #expect(await client.execute(bucket(1)) == .done(7))
        #expect(await client.execute(bucket(2)) == .done(7))
        #expect(state.openCount == 1)
        #expect(state.seen.allSatisfy { $0.message.tenant == Array("acme".utf8) })
        await client.close()
        #expect(state.with { $0.expired } == [1])
        #expect(await client.execute(bucket(3)).refusal?.reason == .clientClosed)
        await node.stop()
    }

    @Test
    func `a read asks the leader with the deadline that is left`() async throws {
        let node = try await FakeNode(1) { [state] in .reply(state.apply($0)) }
        let client = try makeClient([node.address])
        let usage = await client.ask(GetUsage()).value
        #expect(usage?.objects == 2)
        let request = try #require(state.seen.first)
        #expect(request.message.consistency == .linearizable)
        #expect(1...30_000 ~= request.message.deadlineMilliseconds)
        _ = await client.ask(GetUsage(), freshness: .any)
        _ = await client.ask(GetUsage(), freshness: .atLeast(index: 5))
        #expect(state.seen.dropFirst().map(\.message.consistency) == [.any, .atLeast(index: 5)])
        await client.close()
        await node.stop()
    }

    @Test
    func `the hint of a node that does not lead is followed`() async throws {
        let leader = try await FakeNode(2) { [state] in .reply(state.apply($0)) }
        let address = leader.address
        let follower = try await FakeNode(1) { [state] request in
            state.note(request)
            return .reply(.notLeader(address))
        }
        let client = try makeClient([follower.address])
        #expect(await client.execute(bucket(1)) == .done(7))
        #expect(await client.execute(bucket(2)) == .done(7))
        // Learnt once: only the first request went astray.
        #expect(state.seen.filter { $0.node == 1 }.count == 1)
        await client.close()
        await leader.stop()
        await follower.stop()
    }

    @Test
    func `without a hint the other nodes are asked in turn`() async throws {
        let leader = try await FakeNode(2) { [state] in .reply(state.apply($0)) }
        let follower = try await FakeNode(1) { _ in .reply(.notLeader(nil)) }
        let client = try makeClient([follower.address, leader.address])
        #expect(await client.execute(bucket(1)) == .done(7))
        await client.close()
        await leader.stop()
        await follower.stop()
    }

    @Test
    func `two nodes that point at each other are not asked without end`() async throws {
        let (first, second) = (Box(), Box())
        let asked = Happening()
        let one = try await FakeNode(1) { _ in
            asked.happens()
            return .reply(.notLeader(second.value))
        }
        let two = try await FakeNode(2) { _ in
            asked.happens()
            return .reply(.notLeader(first.value))
        }
        (first.value, second.value) = (one.address, two.address)
        let client = try makeClient([one.address, two.address])
        let begin = ContinuousClock.now
        let question = Task { await client.ask(GetUsage()) }
        await asked.wait(count: 24)
        // After the first few there is a pause of 25 ms at least.
        #expect(ContinuousClock.now - begin >= .milliseconds(20 * 25))
        question.cancel()
        #expect(await question.value.refusal?.reason == .notLeader)
        await client.close()
        await one.stop()
        await two.stop()
    }

    @Test
    func `a node that cannot be reached costs nothing but the way to the next`() async throws {
        let port = DeadPort()
        let node = try await FakeNode(1) { [state] in .reply(state.apply($0)) }
        let client = try makeClient([port.address, node.address])
        #expect(await client.execute(bucket(1)) == .done(7))
        await client.close()
        await node.stop()
    }

    @Test
    func `with no node to reach nothing happened, and the reason is said`() async throws {
        let port = DeadPort()
        let client = try makeClient([port.address])
        let outcome = await client.execute(bucket(1), deadline: .seconds(2))
        #expect(outcome.refusal?.reason == .unreachable)
        #expect(outcome.refusal?.detail.contains(port.address) == true)
        let question = await client.ask(GetUsage(), deadline: .milliseconds(100))
        #expect(question.refusal?.advice == .askAgainLater)
        await client.close()
    }

    @Test
    func `a node of another cluster is refused at once, and not asked again`() async throws {
        let node = try await FakeNode(1, credentials: FakePKI.otherNode) { _ in .ignore }
        let client = try makeClient([node.address])
        let outcome = await client.execute(bucket(1))
        #expect(outcome.refusal?.reason == .connectionRefused)
        #expect(outcome.refusal?.advice == .getPermission)
        await client.close()
        await node.stop()
    }

    @Test
    func `an administration request to a node is never sent to another`() async throws {
        let leader = try await FakeNode(2) { [state] in .reply(state.apply($0)) }
        let address = leader.address
        let follower = try await FakeNode(1) { _ in .reply(.notLeader(address)) }
        let client = try makeClient([follower.address]) { $0.purpose = .administration }
        let there = await client.administer(TransferLeadership(), at: Endpoint(follower.address))
        #expect(there.refusal?.reason == .notLeader)
        #expect(await client.administer(TransferLeadership()) == .done(2))
        await client.close()
        await leader.stop()
        await follower.stop()
    }

    /// Seen once in seven starts of a cluster: `wait-leader` never dialled a node again.
    @Test
    func `a node that went away while nothing waited for it is dialled again`() async throws {
        let node = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            return request.connection == 0 ? .goodbye(reply) : .reply(reply)
        }
        let client = try makeClient([node.address]) { $0.purpose = .administration }
        let endpoint = Endpoint(node.address)
        #expect(await client.administer(TransferLeadership(), at: endpoint).value != nil)
        #expect(await client.administer(TransferLeadership(), at: endpoint).value != nil)
        await client.close()
        await node.stop()
    }

    @Test
    func `a batch that was refused says for which operation`() async throws {
        let node = try await FakeNode(1) { [state] request in
            guard case .command(.batch(let batch)) = request.message.content else {
                return .reply(state.apply(request))
            }
            return .reply(
                ReplyMessage(
                    outcome: .refused(.preconditionFailed),
                    operation: UInt32(batch.operations.count)
                )
            )
        }
        let client = try makeClient([node.address])
        let bucket = Array("photos".utf8)
        let batch = Batch([
            .put(PutObject(bucket: bucket, key: [1], size: 1)),
            .delete(DeleteObject(bucket: bucket, key: [2], precondition: .ifPresent)),
        ])
        let refused = await client.execute(batch).refusal
        #expect(refused?.reason == .preconditionFailed)
        #expect(refused?.operation == 1)
        await client.close()
        await node.stop()
    }

    @Test
    func `an answer in many pieces is put together`() async throws {
        let node = try await FakeNode(1) { _ in
            .reply(FakePages.thousandObjects)
        }
        let client = try makeClient([node.address])
        let page = await client.ask(ListObjects(bucket: Array("photos".utf8))).value
        #expect(page?.elements.count == 1000)
        #expect(page?.isTruncated == true)
        await client.close()
        await node.stop()
    }

    @Test(arguments: [true, false])
    func `a page says where the next begins only if one follows`(isTruncated: Bool) async throws {
        let node = try await FakeNode(1) { _ in .reply(FakePages.grants(isTruncated: isTruncated)) }
        let client = try makeClient([node.address])
        let page = await client.ask(ListGrants(tenant: Array("acme".utf8))).value
        #expect(page?.elements.count == 2)
        #expect(page?.isTruncated == isTruncated)
        #expect(page?.next == (isTruncated ? Array("s2".utf8) : []))
        await client.close()
        await node.stop()
    }

    @Test
    func `a configuration out of bounds is refused`() {
        #expect(throws: ClientError.self) { try makeClient([]) }
        #expect(throws: ClientError.self) {
            try makeClient(["127.0.0.1:1"]) { $0.connectionCount = 0 }
        }
        #expect(throws: ClientError.self) {
            try makeClient(["127.0.0.1:1"]) { $0.sessionSlots = 5000 }
        }
        #expect(throws: ClientError.self) {
            try makeClient(["127.0.0.1:1"]) { $0.deadline = .zero }
        }
        #expect(throws: ClientError.self) {
            try makeClient(["127.0.0.1:1"]) { $0.files.key = "/nonexistent/key" }
        }
    }

    @Test(arguments: [
        ("127.0.0.1:7001", true), ("[::1]:7001", true), ("node-1.example:65535", true),
        ("", false), ("host", false), ("host:", false), (":1", false), ("host:0", false),
        ("host:65536", false), ("::1:7001", false), ("[::1:7001", false), ("host:+1", false),
        ("ho st:1", false), ("host:1\n", false), ("host:99999999999999999999", false),
    ])
    func `endpoints are host and port`(_ text: String, isValid: Bool) {
        #expect((Endpoint(text) != nil) == isValid)
        if let endpoint = Endpoint(text) { #expect(endpoint.description == text) }
    }
}
