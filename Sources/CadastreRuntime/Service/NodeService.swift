package import CadastreNode
package import Logging
internal import ServiceLifecycle

/// A node as a service: runs until it is told to stop or cannot go on.
package struct NodeService: Service {
    private let plan: NodePlan
    private let log: Logger
    private let started: @Sendable (NodeRuntime) async throws -> Void
    private let failing: @Sendable (NodeError) -> Void

    /// A node that is not started yet.
    ///
    /// - Parameters:
    ///   - plan: Settings and genesis.
    ///   - log: For events of note.
    ///   - started: Called once, when the node listens; cancelled when the node is to stop.
    ///   - failing: Told of a failure that the node cannot survive, as soon as it happens.
    package init(
        _ plan: NodePlan,
        log: Logger,
        started: @escaping @Sendable (NodeRuntime) async throws -> Void = { _ in },
        failing: @escaping @Sendable (NodeError) -> Void = { _ in }
    ) {
        self.plan = plan
        self.log = log
        self.started = started
        self.failing = failing
    }

    /// Runs the node: until a graceful shutdown, which returns, or a failure, which throws.
    ///
    /// - Throws: `NodeError`, or what `started` threw.
    package func run() async throws {
        let (failures, report) = AsyncStream.makeStream(of: NodeError.self)
        let failing = failing
        let failed: @Sendable (NodeError) -> Void = { error in
            failing(error)
            report.yield(error)
        }
        guard let runtime = try await start(failed) else { return }
        ReloadSignal.shared.begin {
            do throws(NodeError) {
                try runtime.reloadCertificates()
            } catch {
                // Logged and counted there; the old ones stay in use.
            }
        }
        do {
            try await cancelWhenGracefulShutdown { try await started(runtime) }
        } catch is CancellationError {
            // It is to stop before it was ready.
        } catch {
            ReloadSignal.shared.end()
            await runtime.stop()
            throw error
        }
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
        ReloadSignal.shared.end()
        if let failure { throw failure }
        await runtime.stop()
    }

    /// Starts the node; if its journal is damaged below what was durable, mends it before.
    ///
    /// - Returns: Nil if it was told to stop while it was mended.
    private func start(
        _ failed: @escaping @Sendable (NodeError) -> Void
    ) async throws -> NodeRuntime? {
        let refusal: NodeError
        do throws(NodeError) {
            return try await NodeRuntime.start(plan, log: log, failed: failed)
        } catch {
            refusal = error
        }
        guard refusal.exitCode == .damaged else { throw refusal }
        do {
            let (plan, log) = (plan, log)
            let isMended = try await cancelWhenGracefulShutdown {
                try await JournalMending.run(plan, log: log)
            }
            // Another part of the folder is damaged.
            guard isMended else { throw refusal }
        } catch is CancellationError {
            return nil
        }
        return try await NodeRuntime.start(plan, log: log, failed: failed)
    }
}
