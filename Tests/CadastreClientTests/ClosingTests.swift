import CadastreClient
import CadastreProtocol
import Testing

/// What the end of a client leaves behind: nobody waiting and, if it can be helped, no session.
@Suite(.timeLimit(.minutes(1)))
struct `Closing` {
    let state = FakeState()

    @Test
    func `a request that comes while the client closes is refused, not left waiting`() async throws
    {
        let closing = Happening()
        let node = try await FakeNode(1) { [state] request in
            if request.isExpireSession { closing.happens() }
            guard request.isOpenSession || request.creates(1) else { return .ignore }
            return .reply(state.apply(request))
        }
        let client = try makeClient([node.address]) { $0.stallTimeout = .seconds(1) }
        #expect(await client.execute(bucket(1)) == .done(7))
        let end = Task { await client.close() }
        await closing.wait()
        #expect(await client.execute(bucket(2)).refusal?.reason == .clientClosed)
        // Closing twice is the same end.
        await client.close()
        #expect(await client.execute(bucket(3)).refusal?.reason == .clientClosed)
        await end.value
        await node.stop()
    }

    @Test
    func `what waits for a slot is settled, and no session is opened for it`() async throws {
        let arrived = Happening()
        let node = try await FakeNode(1) { [state] request in
            guard request.isCreateBucket else { return .reply(state.apply(request)) }
            arrived.happens()
            return .ignore
        }
        let client = try makeClient([node.address]) { $0.sessionSlots = 1 }
        let waiting = Task {
            await outcomes(of: (0..<20).map { submission(bucket($0)) }, from: client)
        }
        await arrived.wait()
        await client.close()
        let settled = await waiting.value
        #expect(settled.filter(\.isUnknown).count == 1)
        #expect(settled.compactMap(\.refusal).count == 19)
        #expect(state.openCount == 1)
        #expect(state.expired == [1])
        await node.stop()
    }

    @Test
    func `a session that is being opened is closed too`() async throws {
        let arrived = Happening()
        let refused = Happening()
        let node = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            guard request.isOpenSession else { return .reply(reply) }
            arrived.happens()
            return .after(refused, reply)
        }
        let client = try makeClient([node.address])
        let write = Task { await client.execute(bucket(1)) }
        await arrived.wait()
        let end = Task { await client.close() }
        // Its refusal shows that closing has begun, so the session opens too late for it.
        #expect(await write.value.refusal != nil)
        refused.happens()
        await end.value
        #expect(state.expired == [1])
        await node.stop()
    }

    @Test
    func `a client that is dropped closes its session`() async throws {
        let closing = Happening()
        let node = try await FakeNode(1) { [state] request in
            if request.isExpireSession { closing.happens() }
            return .reply(state.apply(request))
        }
        func use() async throws {
            let client = try makeClient([node.address])
            #expect(await client.execute(bucket(1)) == .done(7))
        }
        try await use()
        await closing.wait()
        await node.stop()
    }
}
