import CadastreClient
import CadastreProtocol
import Testing

/// What a node costs that is there and brings nothing.
@Suite(.timeLimit(.minutes(1)))
struct `Failover` {
    let state = FakeState()

    @Test
    func `a silent node is given up once, and not once for each of its connections`() async throws {
        let isPaused = Fact()
        let one = try await FakeNode(1) { [state] request in
            guard isPaused.isTrue else { return .reply(state.apply(request)) }
            state.note(request)
            return .ignore
        }
        let leader = one.address
        let two = try await FakeNode(2) { [state] request in
            isPaused.isTrue ? .reply(state.apply(request)) : .reply(.notLeader(leader))
        }
        let client = try makeClient([one.address, two.address]) {
            $0.connectionCount = 4
            $0.stallTimeout = .seconds(1)
        }
        let areAllUsed = await eventually {
            _ = await client.ask(GetUsage())
            return Set(state.seen.map(\.connection)).count == 4
        }
        #expect(areAllUsed)
        #expect(await client.execute(bucket(1)) == .done(7))
        isPaused.becomeTrue()
        #expect(await client.execute(bucket(2)) == .done(7))
        let attempts = state.seen.filter { $0.creates(2) }
        #expect(attempts.filter { $0.node == 1 }.count == 1)
        #expect(Set(attempts.map(\.message.identity)).count == 1)
        await client.close()
        await one.stop()
        await two.stop()
    }

    @Test
    func `callers of little patience find out that a node is silent`() async throws {
        let isPaused = Fact()
        let one = try await FakeNode(1) { [state] request in
            isPaused.isTrue ? .ignore : .reply(state.apply(request))
        }
        let two = try await FakeNode(2) { [state] in .reply(state.apply($0)) }
        let client = try makeClient([one.address, two.address]) {
            $0.stallTimeout = .milliseconds(500)
        }
        #expect(await client.ask(GetUsage()).value != nil)
        isPaused.becomeTrue()
        let isAnswered = await eventually {
            await client.ask(GetUsage(), deadline: .milliseconds(200)).value != nil
        }
        #expect(isAnswered)
        await client.close()
        await one.stop()
        await two.stop()
    }

    @Test
    func `a node that takes the connection and never greets is passed over`() async throws {
        let mute = try await FakeNode(1, greets: false) { _ in .ignore }
        let node = try await FakeNode(2) { [state] in .reply(state.apply($0)) }
        let client = try makeClient([mute.address, node.address]) {
            $0.connectTimeout = .seconds(2)
        }
        #expect(await client.execute(bucket(1)) == .done(7))
        let there = await client.administer(
            GetStatus(),
            at: Endpoint(mute.address),
            deadline: .seconds(4)
        )
        #expect(there.refusal?.reason == .unreachable)
        #expect(there.refusal?.detail.contains("greet") == true)
        await client.close()
        await mute.stop()
        await node.stop()
    }

    @Test
    func `reads from the nearest do not wait for a node that has failed`() async throws {
        let mute = try await FakeNode(1, greets: false) { _ in .ignore }
        let node = try await FakeNode(2) { [state] in .reply(state.apply($0)) }
        let client = try makeClient([mute.address, node.address]) {
            $0.connectTimeout = .seconds(3)
        }
        let usage = GetUsage()
        // The first waits for it, since nothing is known of it.
        #expect(await client.ask(usage, freshness: .any).value != nil)
        // Within this time it is tried again.
        let end = ContinuousClock.now + .milliseconds(1600)
        var refusals: [Refused] = []
        while ContinuousClock.now < end {
            let outcome = await client.ask(
                usage,
                freshness: .any,
                deadline: .milliseconds(2500)
            )
            if let refused = outcome.refusal { refusals.append(refused) }
        }
        #expect(refusals == [])
        await client.close()
        await mute.stop()
        await node.stop()
    }

    @Test
    func `a connection lost of several is opened again while the others serve`() async throws {
        let first = Flag()
        let node = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            guard request.connection == 1, first.take() else { return .reply(reply) }
            return .close
        }
        let client = try makeClient([node.address]) { $0.connectionCount = 2 }
        let isReplaced = await eventually {
            _ = await client.ask(GetUsage())
            return state.seen.contains { $0.connection == 2 }
        }
        #expect(isReplaced)
        await client.close()
        await node.stop()
    }

    @Test
    func `a node that hangs after its goodbye does not keep what it was asked`() async throws {
        let one = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            return request.isCreateBucket ? .goodbye(nil) : .reply(reply)
        }
        let two = try await FakeNode(2) { [state] in .reply(state.apply($0)) }
        let client = try makeClient([one.address, two.address]) {
            $0.stallTimeout = .milliseconds(500)
        }
        #expect(await client.execute(bucket(1)) == .done(7))
        #expect(state.created == [bucket(1).name: 1])
        #expect(Set(state.identities).count == 1)
        await client.close()
        await one.stop()
        await two.stop()
    }
}
