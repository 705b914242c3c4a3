import CadastreClient
import CadastreProtocol
import Testing

/// Who holds the session's slots, and what becomes of a session that is left.
@Suite(.timeLimit(.minutes(1)))
struct `Sessions` {
    let state = FakeState()

    @Test
    func `a session that is left is closed only when nobody holds its slots`() async throws {
        // The first is never answered; the second is in doubt until another session is open.
        let (silent, doubtful, next) = (1, 2, 3)
        let node = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            if request.creates(silent) { return .ignore }
            guard request.creates(doubtful), state.openCount < 2 else { return .reply(reply) }
            return .reply(.init(outcome: .unknown))
        }
        let client = try makeClient([node.address]) { $0.sessionSlots = 2 }
        #expect(await client.execute(bucket(4)) == .done(7))
        let settled = await outcomes(
            of: [
                submission(bucket(silent), deadline: .seconds(1)),
                submission(bucket(doubtful)),
                submission(bucket(next)),
            ],
            from: client
        )
        #expect(settled[0].isUnknown)
        #expect(settled[1].isDone)
        #expect(settled[2].isDone)
        #expect(state.created.values.allSatisfy { $0 == 1 })
        await client.close()
        #expect(state.expired.sorted() == [1, 2])
        await node.stop()
    }

    @Test
    func `the end of a session serves those that wait for its slots`() async throws {
        let first = Flag()
        let node = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            guard request.isCreateBucket, first.take() else { return .reply(reply) }
            state.forgetSessions()
            return .reply(.init(outcome: .unknown))
        }
        let client = try makeClient([node.address]) { $0.sessionSlots = 1 }
        let settled = await outcomes(
            of: [submission(bucket(1)), submission(bucket(2), deadline: .seconds(10))],
            from: client
        )
        #expect(settled[0].isUnknown)
        #expect(settled[1].isDone)
        #expect(state.openCount == 2)
        await client.close()
        await node.stop()
    }

    @Test
    func `a slot that comes free goes to the one that waits longest`() async throws {
        let node = try await FakeNode(1) { [state] in .reply(state.apply($0)) }
        let client = try makeClient([node.address]) { $0.sessionSlots = 1 }
        let (stream, continuation) = AsyncStream.makeStream(of: Int.self)
        await client.onLoop {
            client.submitOnLoop(submission(bucket(1))) { _ in
                // It comes last, and asks before the slot is given on.
                client.submitOnLoop(submission(bucket(3))) { _ in continuation.yield(3) }
            }
            client.submitOnLoop(submission(bucket(2))) { _ in continuation.yield(2) }
        }
        var order: [Int] = []
        for await number in stream {
            order.append(number)
            if order.count == 2 { break }
        }
        #expect(order == [2, 3])
        await client.close()
        await node.stop()
    }

    @Test
    func `writes of little patience do not leave a session behind for each`() async throws {
        let patienceEnded = Happening()
        let node = try await FakeNode(1) { [state] request in
            let reply = state.apply(request)
            return request.isOpenSession ? .after(patienceEnded, reply) : .reply(reply)
        }
        let client = try makeClient([node.address])
        for number in 0..<3 {
            let outcome = await client.execute(bucket(number), deadline: .milliseconds(50))
            #expect(outcome.refusal != nil)
        }
        patienceEnded.happens()
        #expect(await client.execute(bucket(9)) == .done(7))
        #expect(state.openCount == 1)
        await client.close()
        #expect(state.expired == [1])
        await node.stop()
    }
}
