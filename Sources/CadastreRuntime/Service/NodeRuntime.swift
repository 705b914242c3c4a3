internal import CadastreDisk
package import CadastreNode
package import CadastreProtocol
internal import CadastreTLS
internal import CoreMetrics
package import Logging
internal import NIOCore
internal import NIOPosix
internal import RaftCore

/// A running node: its stages on their threads, its listeners, its connections.
///
/// ```
/// consensus loop   peers' sockets, tick, ConsensusStage, short turns of ApplyStage
/// journal thread   JournalStage, fsync
/// apply thread     ApplyStage, SQLite
/// client loops     sessions of clients and operators
/// ```
package final class NodeRuntime: Sendable {
    /// Where the node listens, after the kernel has chosen what was left to it.
    package struct Ports: Hashable, Sendable {
        /// For other nodes.
        package var peer = 0
        /// For services and tenants.
        package var client = 0
        /// For operators.
        package var administration = 0
    }

    /// Where the node listens.
    package let ports: Ports
    /// Everything that it counts.
    package let metrics: NodeMetrics
    let parts: NodeParts
    private let plan: NodePlan
    private let listeners: [any Channel]

    private init(
        _ parts: NodeParts,
        _ plan: NodePlan,
        ports: Ports,
        listeners: [any Channel],
        metrics: NodeMetrics
    ) {
        self.parts = parts
        self.plan = plan
        self.ports = ports
        self.listeners = listeners
        self.metrics = metrics
    }

    // MARK: Start

    /// Opens the data folder, starts the threads, dials the peers, and listens: in this order, so
    /// that whoever connects finds a node that can answer.
    ///
    /// - Parameters:
    ///   - plan: Settings and genesis.
    ///   - log: For events of note.
    ///   - failed: Told of the first failure that the node cannot survive, at once and on whatever
    ///     thread it happened.
    /// - Returns: The node, which listens.
    /// - Throws: `NodeError` with what to do; nothing runs then.
    package static func start(
        _ plan: NodePlan,
        log: Logger,
        failed: @escaping @Sendable (NodeError) -> Void
    ) async throws(NodeError) -> NodeRuntime {
        try OpenFiles.check(plan.settings.bounds, allowed: OpenFiles.raise())
        try plan.checkDirectory()
        // Before the folder is touched; where the node must stand is known only after.
        _ = try plan.tls(of: nil)
        let open = try NodeFolder.open(
            plan.settings.directory,
            on: PosixDisk(),
            cluster: plan.genesis.clusterID,
            node: NodeID(plan.settings.node),
            settings: plan.nodeSettings,
            seed: UInt64.random(in: 1 ... .max)
        )
        for note in open.notes { log.error("repaired at the start: \(note)") }
        let tls: (server: TLSContext, client: TLSContext)
        do throws(NodeError) {
            try checkFeatureLevel(open)
            tls = try plan.tls(of: Roster(open).own)
        } catch {
            open.lock.release()
            throw error
        }
        let metrics = NodeMetrics()
        let parts = NodeParts(open, plan, tls, metrics, log, failed)
        parts.startStages(open)
        do {
            let peer = try await parts.startPeers(plan)
            let client = try await parts.doors.listen(.client, on: plan.settings.listeners.client)
            let administration = try await parts.doors.listen(
                .administration,
                on: plan.settings.listeners.administration
            )
            let ports = Ports(
                peer: peer,
                client: client.localAddress?.port ?? 0,
                administration: administration.localAddress?.port ?? 0
            )
            log.notice(
                "node started",
                metadata: [
                    "node": .stringConvertible(plan.settings.node),
                    "cluster": "\(plan.genesis.cluster)",
                    "peer_port": .stringConvertible(ports.peer),
                    "client_port": .stringConvertible(ports.client),
                    "administration_port": .stringConvertible(ports.administration),
                    "version": "\(ProgramVersion.text)",
                ]
            )
            return NodeRuntime(
                parts,
                plan,
                ports: ports,
                listeners: [client, administration],
                metrics: metrics
            )
        } catch {
            await parts.stop(listeners: [])
            throw NodeError(
                .configuration,
                "cannot listen: \(error). Check the listen addresses in the configuration, and "
                    + "whether another process uses them"
            )
        }
    }

    /// A node must know everything that the cluster's log may hold.
    private static func checkFeatureLevel(_ open: OpenNode) throws(NodeError) {
        let needed = open.consensus.status.configuration.featureLevel
        guard needed <= FeatureLevel.current else {
            throw NodeError(
                .configuration,
                "the cluster is at feature level \(needed), this program knows "
                    + "\(FeatureLevel.current); run a newer version"
            )
        }
    }

    // MARK: While it runs

    /// Whether this node leads.
    package var isLeader: Bool { parts.view.now.role == .leader }

    /// Reads certificates, keys, roots and revocation lists again, and checks them as at the start.
    ///
    /// New connections use them; those that stand are judged by them within seconds, and closed if
    /// they would not be let in any more.
    ///
    /// - Throws: `NodeError`; then nothing has changed, for either side of connections.
    package func reloadCertificates() throws(NodeError) {
        do throws(NodeError) {
            let renewed = try plan.tls(of: parts.roster.own)
            parts.serverTLS.replace(with: renewed.server)
            parts.clientTLS.replace(with: renewed.client)
            metrics.certificateReloads[true]?.increment()
            parts.log.notice("certificates reloaded")
        } catch {
            metrics.certificateReloads[false]?.increment()
            parts.log.error(
                "certificates not reloaded; those from before stay in use",
                metadata: ["reason": "\(error)"]
            )
            throw error
        }
    }

    /// Proposes a command of this process's own, which concerns no tenant, and waits for what becomes
    /// of it.
    ///
    /// - Parameters:
    ///   - command: What is to change.
    ///   - identity: By what a retry is recognised.
    ///   - principal: In whose name.
    /// - Returns: The reply, or that nobody knows.
    package func propose(
        _ command: Command,
        _ identity: RequestIdentity,
        by principal: Principal
    ) async -> CadastreNode.ReplyContent {
        let envelope = CommandEnvelope(
            principal: principal,
            tenant: .none,
            identity: identity,
            command: command
        )
        let patience = UInt64(ProtocolLimits.defaultDeadlineMilliseconds) * 1_000_000
        return await parts.doors.propose(
            envelope.encode(),
            deadline: Clock.monotonic + patience
        )
    }

    // MARK: Stop

    /// Stops cleanly: nothing new is taken, leadership is handed over, what is on the way is
    /// finished, the state is committed and the journal marked.
    package func stop() async {
        parts.log.notice("node stops")
        parts.view.update { $0.isStopping = true }
        await parts.doors.stopAdmitting()
        await handOver()
        await wait { await self.parts.doors.inFlight() == 0 }
        await parts.stop(listeners: listeners)
        parts.log.notice("node stopped")
    }

    /// Gives leadership to another voter, if this node leads and there is one.
    private func handOver() async {
        guard isLeader, parts.roster.otherVoters > 0 else { return }
        parts.host.inbox.post(.transferLeadership(to: nil, nil))
        await wait { !self.isLeader }
        if isLeader {
            parts.log.warning("leadership was not handed over in time; an election will follow")
        }
    }

    /// Waits until something is so, but not for longer.
    private func wait(until isSo: () async -> Bool) async {
        for _ in 0..<RuntimeLimits.stopMilliseconds / 10 {
            if await isSo() { return }
            do {
                try await Task.sleep(for: .milliseconds(10))
            } catch {
                // Cancelled: whoever waits for the stop has lost patience.
                return
            }
        }
    }
}
