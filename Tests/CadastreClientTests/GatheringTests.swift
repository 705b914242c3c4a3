import CadastreClient
import CadastreProtocol
import Testing

/// Requests gather on the connection that will be flushed anyway.
@Suite(.timeLimit(.minutes(1)))
struct GatheringTests {
    @Test
    func `who asks again stays on the connection that answered, and each has its share`()
        async throws
    {
        let node = try await FakeNode(1) { request in
            .reply(answer(onConnection: request.connection))
        }
        let client = try makeClient([node.address]) { $0.connectionCount = 4 }
        let (stream, end) = AsyncStream.makeStream(of: Callers.Counts.self)
        await client.onLoop {
            // 64 of them begin on the one connection that is opened first.
            let callers = Callers(client, end)
            for _ in 0..<64 { callers.ask(after: nil) }
        }
        let counts = try #require(await stream.first { _ in true })
        #expect(counts.moves <= counts.asked / 50)
        for (connection, share) in counts.byConnection.sorted(by: { $0.key < $1.key }) {
            #expect(share >= counts.asked / 12, "connection \(connection)")
        }
        #expect(counts.byConnection.count == 4)
        await client.close()
        await node.stop()
    }

    @Test
    func `requests of one turn of the loop leave on one connection where all are as full`()
        async throws
    {
        let state = FakeState()
        let node = try await FakeNode(1) { request in
            state.note(request)
            // What is asked of the tenant itself stays on its way.
            guard case .query(.getUsage) = request.message.content else { return .ignore }
            return .reply(answer(onConnection: request.connection))
        }
        let client = try makeClient([node.address]) { $0.connectionCount = 4 }
        let usage = Submission(.query, GetUsage().encoded)
        await openFour(client, state)
        await client.onLoop {
            for _ in 0..<64 {
                client.submitOnLoop(Submission(.query, GetTenant(name: Array("acme".utf8)).encoded))
                { _ in }
            }
        }
        for _ in 0..<16 {
            let before = state.seen.count
            _ = await outcomes(of: Array(repeating: usage, count: 4), from: client)
            let connections = state.seen[before...].compactMap { request in
                if case .query(.getUsage) = request.message.content {
                    request.connection
                } else {
                    nil
                }
            }
            #expect(Set(connections).count == 1, "\(connections)")
        }
        await client.close()
        await node.stop()
    }

    @Test
    func `behind a large request the next ones take another connection`() async throws {
        let state = FakeState()
        let node = try await FakeNode(1) { request in .reply(state.apply(request)) }
        let client = try makeClient([node.address]) { $0.connectionCount = 4 }
        let large = Submission(.command, put(locationBytes: 65_536).encoded)
        let small = Submission(.query, GetUsage().encoded)
        await openFour(client, state)
        // With it comes the session, so that the next one is sent at once.
        _ = await outcomes(of: [large], from: client)
        let before = state.seen.count
        // Where one is on its way on each, the small ones would be fair behind the large one.
        let turn = [small, small, small, large, small]
        _ = await outcomes(of: turn, from: client)
        let seen = state.seen[before...]
        let put = try #require(
            seen.first { if case .command = $0.message.content { true } else { false } }
        )
        #expect(seen.filter { $0.connection == put.connection }.count == 1)
        #expect(seen.count == turn.count)
        await client.close()
        await node.stop()
    }
}

/// Asks until four connections have brought a request: those that come first open them.
private func openFour(_ client: CadastreClient, _ state: FakeState) async {
    let usage = Submission(.query, GetUsage().encoded)
    while Set(state.seen.map(\.connection)).count < 4 {
        _ = await outcomes(of: Array(repeating: usage, count: 8), from: client)
    }
}

/// An answer that says which connection brought the request.
private func answer(onConnection connection: Int) -> ReplyMessage {
    let usage = Usage(buckets: UInt64(connection), objects: 0, bytes: 0)
    return ReplyMessage(outcome: .done(.query(.usage(usage))))
}

/// Callers that ask again as soon as they are answered, on the client's loop alone.
private final class Callers {
    struct Counts: Sendable {
        var asked = 0
        /// Asked on another connection than the one that had answered.
        var moves = 0
        var byConnection: [UInt64: Int] = [:]
    }

    private let client: CadastreClient
    private let end: AsyncStream<Counts>.Continuation
    private var counts = Counts()
    private var asked = 0
    /// When all four had answered.
    private var begin: Int?
    private var connections: Set<UInt64> = []

    init(_ client: CadastreClient, _ end: AsyncStream<Counts>.Continuation) {
        self.client = client
        self.end = end
    }

    func ask(after last: UInt64?) {
        client.submitOnLoop(Submission(.query, GetUsage().encoded)) { outcome in
            guard case .done(.query(.usage(let usage)), _) = outcome else { return }
            self.answered(on: usage.buckets, after: last)
        }
    }

    private func answered(on connection: UInt64, after last: UInt64?) {
        asked += 1
        connections.insert(connection)
        if begin == nil, connections.count == 4 { begin = asked }
        // Their shares even out within some turns.
        if let begin, asked > begin + 1_000 {
            counts.asked += 1
            counts.byConnection[connection, default: 0] += 1
            if let last, last != connection { counts.moves += 1 }
            if counts.asked == 4_000 { end.yield(counts) }
            if counts.asked >= 4_000 { return }
        }
        ask(after: connection)
    }
}
