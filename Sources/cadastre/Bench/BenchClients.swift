internal import CadastreClient

/// The library's clients that a load is spread over: one for each session that it needs, all on
/// one event loop.
///
/// A session takes 1,024 writes at once and a node 4,096 of a tenant, so that more than four would
/// only wait.
struct BenchClients: Sendable {
    /// The one that also prepares.
    let first: CadastreClient
    private let all: [CadastreClient]

    private static let maximumCount = 4
    private static let writesOfEach = 1024

    /// Connects as many as so many requests at once need, does something with them, and closes
    /// them, whatever came of that.
    ///
    /// - Throws: `Failure` if the configuration is wrong, or what `body` throws.
    static func with<Result: Sendable>(
        _ configuration: ClientConfiguration,
        outstanding: Int,
        _ body: (BenchClients) async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        let shares = connections(configuration.connectionCount, outstanding: outstanding)
        let slots = (outstanding + shares.count - 1) / shares.count
        var configuration = configuration
        configuration.sessionSlots = UInt32(min(writesOfEach, max(slots, 256)))
        configuration.connectionCount = shares[0]
        return try await CadastreClient.with(configuration) { first throws(Failure) in
            var all = [first]
            for share in shares.dropFirst() {
                configuration.connectionCount = share
                do throws(ClientError) {
                    all.append(try CadastreClient(configuration, loop: first.router.loop))
                } catch {
                    throw Failure(.configuration, Escaped.text(error.description))
                }
            }
            let clients = BenchClients(first: first, all: all)
            do throws(Failure) {
                let result = try await body(clients)
                await clients.closeOthers()
                return result
            } catch {
                await clients.closeOthers()
                throw error
            }
        }
    }

    /// How many connections each client gets of all, for so many requests at once; none has none.
    static func connections(_ total: Int, outstanding: Int) -> [Int] {
        let needed = (outstanding + writesOfEach - 1) / writesOfEach
        let count = max(1, min(needed, maximumCount, total))
        return (0..<count).map { total / count + ($0 < total % count ? 1 : 0) }
    }

    /// Sends a request of a process, always by the same client; on the event loop alone.
    func submitOnLoop(
        _ submission: Submission,
        of process: UInt64,
        completion: @escaping (RawOutcome) -> Void
    ) {
        all[Int(process % UInt64(all.count))].submitOnLoop(submission, completion: completion)
    }

    /// Does something on the event loop.
    func onLoop<Result: Sendable>(_ body: @escaping @Sendable () -> Result) async -> Result {
        await first.onLoop(body)
    }

    private func closeOthers() async {
        for client in all.dropFirst() { await client.close() }
    }
}
