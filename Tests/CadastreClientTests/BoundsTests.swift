import CadastreClient
import CadastreProtocol
import Synchronization
import Testing

/// What a client holds, and what it does not take.
@Suite(.timeLimit(.minutes(1)))
struct `Bounds` {
    let port = DeadPort()

    @Test
    func `a request larger than any frame is refused, and one that fits is sent`() async throws {
        let state = FakeState()
        let node = try await FakeNode(1) { [state] in .reply(state.apply($0)) }
        let client = try makeClient([node.address])
        let outcome = await client.execute(put(locationBytes: 5 * 1_048_576))
        #expect(outcome.refusal?.reason == .tooLarge)
        #expect(outcome.refusal?.advice == .changeTheRequest)
        let query = await client.ask(
            GetObject(bucket: [0x61], key: [UInt8](repeating: 1, count: 5 * 1_048_576))
        )
        #expect(query.refusal?.reason == .tooLarge)
        #expect(await client.execute(put(locationBytes: 65_536)).value != nil)
        await client.close()
        await node.stop()
    }

    @Test
    func `a deadline that leaves no time is refused`() async throws {
        let client = try makeClient([port.address])
        for deadline in [Duration.zero, .seconds(-1), .seconds(Int64.min)] {
            let outcome = await client.execute(bucket(1), deadline: deadline)
            #expect(outcome.refusal?.reason == .deadlinePassed)
        }
        await client.close()
    }

    /// Where requests wait.
    enum Queue: CaseIterable {
        case leader, slots, node

        func submission(_ address: String) -> Submission {
            var submission =
                switch self {
                case .leader: Submission(.query, GetUsage().encoded)
                case .slots: Submission(.command, bucket(1).encoded)
                case .node: Submission(.administration, GetStatus().encoded)
                }
            if case .node = self, let endpoint = Endpoint(address) {
                submission.route = .node(endpoint)
            }
            submission.deadline = .seconds(60)
            return submission
        }
    }

    @Test(arguments: Queue.allCases)
    func `requests given up behind one that waits are not kept`(in queue: Queue) async throws {
        let client = try makeClient([port.address])
        let submission = queue.submission(port.address)
        let alive = Alive()
        let kept = await client.onLoop {
            client.router.submit(submission) { _ in }
            let ids = (0..<2000).map { _ in
                let canary = Canary(alive)
                return client.router.submit(submission) { _ in _ = canary }
            }
            for id in ids { client.router.giveUp(id, reason: "test") }
            return alive.count
        }
        #expect(kept <= 100)
        await client.close()
    }

    @Test
    func `the bytes of all requests are bounded`() async throws {
        let client = try makeClient([port.address])
        // 64 of these are just below 256 MiB.
        var large = Submission(.command, put(locationBytes: 4_190_000).encoded)
        large.deadline = .seconds(60)
        let early = Alive()
        let refusal = await client.onLoop { [large] in
            for _ in 0..<64 {
                client.submitOnLoop(large) { _ in early.add(1) }
            }
            var refusal: Refused?
            client.submitOnLoop(large) { refusal = $0.refusal }
            return refusal
        }
        #expect(refusal?.reason == .overloaded)
        #expect(early.count == 0)
        await client.close()
        #expect(early.count == 64)
    }
}

/// Counts what lives.
private final class Alive: Sendable {
    private let number = Mutex(0)

    var count: Int { number.withLock { $0 } }

    func add(_ change: Int) { number.withLock { $0 += change } }
}

/// Lives as long as a completion that holds it.
private final class Canary: Sendable {
    private let alive: Alive

    init(_ alive: Alive) {
        self.alive = alive
        alive.add(1)
    }

    deinit { alive.add(-1) }
}
