internal import CadastreHistory
internal import CadastreNode
internal import CadastreProtocol
internal import RaftCore

/// Writes down what clients ask and are told, as they themselves see it: from the first sending of a
/// request to the answer that they take, whatever was sent again in between.
///
/// It changes nothing of the world. What tells a tenant's rights and status is not in it.
final class ClientHistory {
    private let write: (Operation) -> Void
    /// What is on its way, by the number of the request; looked up.
    private var open: [Int: [Operation]] = [:]

    /// Gives each operation to `write` when it has ended.
    init(_ write: @escaping (Operation) -> Void) { self.write = write }

    /// A client wants something.
    func begins(
        _ request: Int,
        _ content: Clients.Content,
        _ process: UInt64,
        of tenant: String,
        _ world: World
    ) {
        switch content {
        case .command(let bytes, _):
            do throws(ProtocolError) {
                let command = try CommandEnvelope(decoding: bytes).command
                open[request] = Operation.operations(
                    process: process,
                    command,
                    of: tenant,
                    at: world.now
                )
            } catch {
                world.tell("a client cannot read its own command: \(error)")
            }
        case .query(let query, _):
            let operation = Operation(process: process, query, of: tenant, at: world.now)
            open[request] = operation.map { [$0] } ?? []
        }
    }

    /// An attempt at a question allows the answer this age, in nanoseconds.
    func isAsked(_ request: Int, ofAge age: UInt64) {
        guard let allowed = open[request]?.first?.maximumAgeNanoseconds else { return }
        open[request]?[0].maximumAgeNanoseconds = max(allowed, age)
    }

    /// A client takes an answer.
    func ends(_ request: Int, _ reply: OutgoingReply, at now: UInt64) {
        guard var operations = open.removeValue(forKey: request) else { return }
        let index = reply.appliedIndex.value
        switch reply.content {
        case .command(let said):
            switch said.refusal {
            case .noSuchSession, .sequenceOutOfOrder, .requestReused:
                // What an earlier attempt did is another question: it stays unknown.
                break
            case _: operations.answered(said, index: index, at: now)
            }
        case .answer(let bytes):
            do throws(ProtocolError) {
                let answer = try Answer(decoding: bytes)
                for place in operations.indices {
                    operations[place].answered(answer, index: index, at: now)
                }
            } catch {
                // Whoever looks at the answer itself says what is wrong with it.
            }
        case .refused(let refusal, _) where refusal.isPassing:
            // Asked again elsewhere.
            open[request] = operations
            return
        case .refused(let refusal, _): operations.refused("\(refusal)", index: index, at: now)
        case .page, .digest, .transferred, .memberPlan, .policyPlan, .forbidden, .unknown: break
        }
        for operation in operations { write(operation) }
    }

    /// Nothing more happens: what is on its way stays unknown.
    func finish() {
        for request in open.keys.sorted() { for part in open[request] ?? [] { write(part) } }
        open = [:]
    }
}

extension Clients {
    /// A number for each slot, as it asks one thing at a time.
    func process(_ client: Int, _ slot: Int) -> UInt64 { UInt64(client * 10 + slot) }

    /// The name of the tenant whose objects a request means.
    func tenantName(of content: Content) -> String {
        tenant(of: content).map { String(decoding: Self.tenantName($0), as: UTF8.self) } ?? ""
    }
}
