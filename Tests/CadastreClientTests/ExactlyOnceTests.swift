import CadastreClient
import CadastreProtocol
import Testing

/// What the client does when replies are lost, late, reordered or refused.
@Suite
struct `Exactly once` {
    let state = FakeState()

    @Test
    func `a connection lost after the write was applied leads to the same identity again`()
        async throws
    {
        let first = Flag()
        let node = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            guard case .command(.createBucket) = request.message.content, first.take() else {
                return .reply(reply)
            }
            return .close
        }
        let client = try makeClient([node.address])
        #expect(await client.execute(bucket(1)) == .done(7))
        #expect(state.created == [bucket(1).name: 1])
        #expect(state.identities.count == 2)
        #expect(Set(state.identities).count == 1)
        await client.close()
        await node.stop()
    }

    @Test
    func `a node that falls silent is given up and asked again under the same identity`()
        async throws
    {
        let first = Flag()
        let node = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            guard case .command(.createBucket) = request.message.content, first.take() else {
                return .reply(reply)
            }
            return .ignore
        }
        let client = try makeClient([node.address]) { $0.stallTimeout = .milliseconds(150) }
        #expect(await client.execute(bucket(1)) == .done(7))
        #expect(state.created == [bucket(1).name: 1])
        await client.close()
        await node.stop()
    }

    @Test
    func `an unknown outcome is asked again until it is definite`() async throws {
        let first = Flag(3)
        let node = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            guard case .command(.createBucket) = request.message.content, first.take() else {
                return .reply(reply)
            }
            return .reply(.init(outcome: .unknown, detail: "leadership was lost"))
        }
        let client = try makeClient([node.address])
        #expect(await client.execute(bucket(1)) == .done(7))
        #expect(state.created == [bucket(1).name: 1])
        #expect(Set(state.identities).count == 1)
        await client.close()
        await node.stop()
    }

    @Test
    func `overloaded is waited for as long as the node says`() async throws {
        let first = Flag(2)
        let node = try await FakeNode(1) { [state] request in
            if case .command(.createBucket) = request.message.content, first.take() {
                state.note(request)
                return .reply(.init(outcome: .refused(.overloaded, retryAfterMilliseconds: 120)))
            }
            return .reply(state.apply(request))
        }
        let client = try makeClient([node.address])
        let begin = ContinuousClock.now
        #expect(await client.execute(bucket(1)) == .done(7))
        // Half of the advised time is always kept; the other half is jitter.
        #expect(ContinuousClock.now - begin >= .milliseconds(120))
        #expect(Set(state.identities).count == 1)
        await client.close()
        await node.stop()
    }

    @Test
    func `replies in any order reach their own requests`() async throws {
        let node = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            guard case .command(.putObject) = request.message.content else { return .reply(reply) }
            guard case .slot(_, let slot, _) = request.message.identity else { return .close }
            let own = SlotReplies.naming(slot)
            return .holdUntil(count: 6, own)
        }
        let client = try makeClient([node.address])
        await withTaskGroup(of: UInt64?.self) { group in
            for number in 0..<6 {
                group.addTask {
                    await client.execute(put(number)).value?.sequence
                }
            }
            var sequences: [UInt64] = []
            for await sequence in group { sequences.append(sequence ?? 0) }
            #expect(sequences.sorted() == [100, 101, 102, 103, 104, 105])
        }
        await client.close()
        await node.stop()
    }

    @Test
    func `at the deadline a sent write is unknown and a question refused`() async throws {
        let node = try await FakeNode(1) { [state] request in
            guard request.creates(1) || request.creates(2) || request.isQuery else {
                return .reply(state.apply(request))
            }
            state.note(request)
            return .ignore
        }
        let client = try makeClient([node.address])
        // Connected, with a session: what follows is sent at once.
        #expect(await client.execute(bucket(0)) == .done(7))
        let write = await client.execute(bucket(1), deadline: .seconds(1))
        #expect(write.isUnknown)
        let question = await client.ask(GetUsage(), deadline: .seconds(1))
        #expect(question.refusal?.reason == .deadlinePassed)
        // The slot in doubt is not used again.
        _ = await client.execute(bucket(2), deadline: .seconds(1))
        #expect(Set(state.identities).count == 3)
        await client.close()
        await node.stop()
    }

    @Test
    func `a cancelled write that was sent is unknown`() async throws {
        let arrived = Happening()
        let node = try await FakeNode(1) { [state] request in
            guard request.isCreateBucket else { return .reply(state.apply(request)) }
            arrived.happens()
            return .ignore
        }
        let client = try makeClient([node.address])
        let task = Task { await client.execute(bucket(1)) }
        await arrived.wait()
        task.cancel()
        guard case .unknown = await task.value else {
            Issue.record("expected unknown")
            return
        }
        await client.close()
        await node.stop()
    }

    @Test
    func `a lost session is unknown for what was on its way and new for what follows`()
        async throws
    {
        let first = Flag()
        let node = try await FakeNode(1) { [state] request in
            if case .command(.createBucket) = request.message.content, first.take() {
                // Applied, the reply lost, and the session expired before the retry.
                _ = state.apply(request)
                state.forgetSessions()
                return .close
            }
            return .reply(state.apply(request))
        }
        let client = try makeClient([node.address])
        guard case .unknown = await client.execute(bucket(1)) else {
            Issue.record("expected unknown")
            return
        }
        #expect(await client.execute(bucket(2)) == .done(7))
        #expect(state.openCount == 2)
        // Forgotten again, but nothing was on its way: the write moves to a new session unseen.
        state.forgetSessions()
        #expect(await client.execute(bucket(3)) == .done(7))
        #expect(state.openCount == 3)
        #expect(state.created.values.allSatisfy { $0 == 1 })
        await client.close()
        await node.stop()
    }

    @Test
    func `a refusal of the door does not put the slot out of step`() async throws {
        let refused = Flag(3)
        let node = try await FakeNode(1) { [state] request in
            // The door refuses without the state machine's seeing the sequence.
            if case .command(.createBucket) = request.message.content, refused.take() {
                state.note(request)
                return .reply(.init(outcome: .refused(.notPermitted)))
            }
            return .reply(state.apply(request))
        }
        let client = try makeClient([node.address]) { $0.sessionSlots = 1 }
        for number in 1...3 {
            #expect(await client.execute(bucket(number)).refusal?.reason == .notPermitted)
        }
        #expect(await client.execute(bucket(4)) == .done(7))
        #expect(await client.execute(bucket(5)) == .done(7))
        #expect(state.created == [bucket(4).name: 1, bucket(5).name: 1])
        #expect(state.openCount == 1)
        await client.close()
        await node.stop()
    }

    @Test
    func `a refusal of the door after a lost attempt is unknown`() async throws {
        let first = Flag()
        let node = try await FakeNode(1) { [state] request in
            guard case .command(.createBucket) = request.message.content else {
                return .reply(state.apply(request))
            }
            if first.take() { return .close }
            return .reply(.init(outcome: .refused(.notPermitted)))
        }
        let client = try makeClient([node.address])
        guard case .unknown = await client.execute(bucket(1)) else {
            Issue.record("expected unknown")
            return
        }
        await client.close()
        await node.stop()
    }

    @Test
    func `writes wait while all slots are taken`() async throws {
        let node = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            guard case .command(.createBucket) = request.message.content else {
                return .reply(reply)
            }
            // Both slots must be taken before either is answered.
            return .holdUntil(count: 2, reply)
        }
        let client = try makeClient([node.address]) { $0.sessionSlots = 2 }
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<10 {
                group.addTask { await client.execute(bucket(number)) == .done(7) }
            }
            for await isDone in group { #expect(isDone) }
        }
        let slots = state.identities.map { "\($0)".contains("slot: 0") }
        #expect(slots.filter { $0 }.count == 5)
        #expect(state.created.count == 10)
        await client.close()
        await node.stop()
    }

    @Test
    func `a node that says goodbye gets nothing new and may finish`() async throws {
        let first = Flag()
        let two = try await FakeNode(2) { [state] in .reply(state.apply($0)) }
        let one = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            if case .command(.createBucket) = request.message.content, first.take() {
                return .goodbye(reply)
            }
            return .reply(reply)
        }
        let client = try makeClient([one.address, two.address])
        #expect(await client.execute(bucket(1)) == .done(7))
        #expect(await client.execute(bucket(2)) == .done(7))
        let nodes = state.seen.filter { $0.message.identity != .none }.map(\.node)
        #expect(nodes == [1, 2])
        await client.close()
        await one.stop()
        await two.stop()
    }

    @Test
    func `bytes that are no frame cost the connection and not the write`() async throws {
        let first = Flag()
        let node = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            if case .command(.createBucket) = request.message.content, first.take() {
                return .garbage
            }
            return .reply(reply)
        }
        let client = try makeClient([node.address])
        #expect(await client.execute(bucket(1)) == .done(7))
        #expect(state.created == [bucket(1).name: 1])
        await client.close()
        await node.stop()
    }

    @Test(arguments: [UInt64(1), 2, 3, 4])
    func `under random faults nothing is applied twice and done is done`(seed: UInt64) async throws
    {
        let faults = Faults(seed: seed)
        let addresses = [Box(), Box(), Box()]
        var nodes: [FakeNode] = []
        for number in 0..<3 {
            let node = try await FakeNode(number) { [state] request in
                faults.action(
                    for: request,
                    apply: { state.apply(request) },
                    leader: addresses[faults.leader].value
                )
            }
            addresses[number].value = node.address
            nodes.append(node)
        }
        let client = try makeClient(nodes.map(\.address)) {
            $0.stallTimeout = .milliseconds(300)
            $0.connectionCount = 2
            $0.sessionSlots = 16
        }
        let count = 200
        let outcomes = await withTaskGroup(of: (Int, Outcome<UInt64>).self) { group in
            for number in 0..<count {
                group.addTask { (number, await client.execute(bucket(number))) }
            }
            var outcomes: [Int: Outcome<UInt64>] = [:]
            for await (number, outcome) in group { outcomes[number] = outcome }
            return outcomes
        }
        let created = state.created
        #expect(created.values.allSatisfy { $0 == 1 })
        for (number, outcome) in outcomes {
            switch outcome {
            case .done: #expect(created[bucket(number).name] == 1)
            case .refused(let refused):
                #expect(created[bucket(number).name] == nil, "\(refused)")
            case .unknown: break
            }
        }
        // Deadlines are long: nearly all must have come through.
        #expect(outcomes.values.filter { $0 == .done(7) }.count > count * 9 / 10)
        await client.close()
        for node in nodes { await node.stop() }
    }
}
