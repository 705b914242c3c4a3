package import CadastreNode
internal import Dispatch
internal import Glibc
package import Logging
internal import ServiceLifecycle

/// A node as a service: runs until it is told to stop or cannot go on.
package struct NodeService: Service {
    private let plan: NodePlan
    private let log: Logger
    private let started: @Sendable (NodeRuntime) async -> Void
    private let failing: @Sendable (NodeError) -> Void

    /// A node that is not started yet.
    ///
    /// - Parameters:
    ///   - plan: Settings and genesis.
    ///   - log: For events of note.
    ///   - started: Called once, when the node listens.
    ///   - failing: Told of a failure that the node cannot survive, as soon as it happens.
    package init(
        _ plan: NodePlan,
        log: Logger,
        started: @escaping @Sendable (NodeRuntime) async -> Void = { _ in },
        failing: @escaping @Sendable (NodeError) -> Void = { _ in }
    ) {
        self.plan = plan
        self.log = log
        self.started = started
        self.failing = failing
    }

    /// Runs the node: until a graceful shutdown, which returns, or a failure, which throws.
    ///
    /// - Throws: `NodeError`.
    package func run() async throws {
        let (failures, report) = AsyncStream.makeStream(of: NodeError.self)
        let failing = failing
        let runtime = try await NodeRuntime.start(plan, log: log) { error in
            failing(error)
            report.yield(error)
        }
        let reloading = ReloadSignal {
            do throws(NodeError) {
                try runtime.reloadCertificates()
            } catch {
                // Logged and counted there; the old ones stay in use.
            }
        }
        await started(runtime)
        let failure = await withTaskGroup(of: NodeError?.self) { group in
            group.addTask {
                do {
                    try await gracefulShutdown()
                } catch {
                    // Cancelled: the other task has something to say.
                }
                return nil
            }
            group.addTask {
                for await failure in failures { return failure }
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            return first
        }
        reloading.cancel()
        if let failure { throw failure }
        await runtime.stop()
    }
}

/// Calls back for each SIGHUP.
private final class ReloadSignal {
    private let source: any DispatchSourceSignal

    init(_ work: @escaping @Sendable () -> Void) {
        // The default would end the process before the source sees the signal.
        _ = signal(SIGHUP, SIG_IGN)
        source = DispatchSource.makeSignalSource(signal: SIGHUP, queue: .global())
        source.setEventHandler(handler: work)
        source.resume()
    }

    func cancel() {
        source.cancel()
    }
}
