internal import CadastreNode
internal import Foundation
internal import Logging
internal import RaftCore
internal import ServiceLifecycle
internal import UnixSignals

/// What the program `cadastred` does, each verb to its exit code (those of `sysexits.h`).
///
/// | code | meaning |
/// |---|---|
/// | 0 | done, or stopped cleanly |
/// | 65 | the journal or the state is damaged below what was durable |
/// | 70 | a peer contradicts the log, or a committed entry cannot be executed |
/// | 73 | another process uses the data folder, or it is not empty |
/// | 74 | the disk failed |
/// | 76 | the state is not that of the leader |
/// | 78 | the configuration, the certificates or the data folder are not this node's |
package enum NodeProgram {
    /// Runs a node until SIGTERM or SIGINT; reads the certificates again at SIGHUP.
    package static func run(
        file: String,
        environment: [String: String],
        flags: [String]
    ) async -> Int32 {
        ReloadSignal.shared.listen()
        return await reporting {
            let plan = try NodePlan.read(file: file, environment: environment, flags: flags)
            try await run(plan) { _ in }
        }
    }

    /// How a node comes into its cluster.
    package enum Founding: Sendable {
        /// As the genesis says, when the cluster is founded.
        case member
        /// Into a cluster that is there, as a new node or with a new disk.
        case joiner
    }

    /// Founds a node's data folder.
    package static func found(
        _ founding: Founding,
        isWitness: Bool = false,
        file: String,
        environment: [String: String],
        flags: [String]
    ) async -> Int32 {
        await reporting {
            let plan = try NodePlan.read(file: file, environment: environment, flags: flags)
            let node = "node \(plan.settings.node) of \(plan.genesis.cluster)"
            let place = "\(plan.settings.directory); start it with `cadastred run --config \(file)`"
            switch founding {
            case .member:
                try plan.found(isWitness: isWitness)
                print("\(node) is founded in \(place)")
            case .joiner:
                let incarnation = Incarnation(
                    high: UInt64.random(in: 1 ... .max),
                    low: UInt64.random(in: 0 ... .max)
                )
                try plan.found(as: incarnation, isWitness: isWitness)
                print("\(node) is founded, to join, in \(place), then take it in with")
                print("`cadastre member add \(plan.settings.advertised.administration)`, or with")
                print("`cadastre member replace` in the place of another node, or of its old disk")
            }
        }
    }

    /// Runs one node with throw-away certificates; makes what it needs first.
    ///
    /// - Parameters:
    ///   - directory: Holds everything that is made.
    ///   - port: The first of three ports.
    /// - Returns: The exit code.
    package static func develop(directory: String, port: Int) async -> Int32 {
        ReloadSignal.shared.listen()
        return await reporting {
            let cluster = try DevelopmentCluster(directory: directory, port: port)
            let plan = try NodePlan.read(
                file: cluster.configurationPath,
                environment: [:],
                flags: []
            )
            if cluster.isNew { try plan.found() }
            try await run(plan) { runtime in
                try await cluster.prepare(runtime)
                print(cluster.advice)
                fflush(nil)
            }
        }
    }

    private static func run(
        _ plan: NodePlan,
        started: @escaping @Sendable (NodeRuntime) async throws -> Void
    ) async throws {
        let level = Logger.Level(rawValue: plan.settings.logLevel) ?? .info
        let log = Logger(label: "cadastred") { StructuredLog(label: $0, level: level) }
        let service = NodeService(plan, log: log, started: started) { failure in
            log.critical(
                "the node cannot go on",
                metadata: [
                    "reason": "\(failure)",
                    "exit_code": .stringConvertible(failure.exitCode.rawValue),
                ]
            )
            endSoon(failure.exitCode.rawValue)
        }
        let group = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [
                    ServiceGroupConfiguration.ServiceConfiguration(
                        service: service,
                        // It returns when it was told to stop, and only then.
                        successTerminationBehavior: .gracefullyShutdownGroup,
                        failureTerminationBehavior: .cancelGroup
                    )
                ],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "cadastred.lifecycle") {
                    StructuredLog(label: $0, level: max(level, .warning))
                }
            )
        )
        try await group.run()
    }

    /// Ends the process within a second, whatever its threads wait for: after a failed write
    /// nothing that it says can be relied upon.
    private static func endSoon(_ code: Int32) {
        let thread = Thread {
            Thread.sleep(forTimeInterval: 0.6)
            LogWriter.standardError.drain(withinMilliseconds: 200)
            _exit(code)
        }
        thread.start()
    }

    /// Ends a process that ran a node, and that may still have all of its threads: after a failure
    /// they are not stopped.
    ///
    /// Not by exit(3): that lets OpenSSL give up its memory while event loops shake hands.
    package static func end(_ code: Int32) -> Never {
        fflush(nil)
        _exit(code)
    }

    /// Does something, says on standard error why it could not be done, and gives the exit code.
    static func reporting(_ work: () async throws -> Void) async -> Int32 {
        // The log is written by a thread of its own, which does not live longer than the process.
        defer { LogWriter.standardError.drain(withinMilliseconds: 1_000) }
        do {
            try await work()
            return 0
        } catch let error as ConfigurationError {
            return report("\(error)", ConfigurationError.exitCode)
        } catch let error as NodeError {
            return report("\(error)", error.exitCode.rawValue)
        } catch {
            return report("\(error)", 70)
        }
    }

    private static func report(_ message: String, _ code: Int32) -> Int32 {
        LogWriter.standardError.write("cadastred: \(message)\n")
        return code
    }
}
