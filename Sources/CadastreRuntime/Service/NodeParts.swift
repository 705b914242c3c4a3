internal import CadastreDisk
internal import CadastreNode
internal import CadastreProtocol
internal import CadastreStateMachine
internal import CadastreStorage
internal import CadastreTLS
internal import CoreMetrics
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import RaftCore

/// The parts of a running node and how they are joined.
final class NodeParts: Sendable {
    let view: NodeView
    let host: ConsensusHost
    let doors: Doors
    let serverTLS: TLSContextSource
    let clientTLS: TLSContextSource
    let log: Logger
    /// Who belongs to the cluster.
    let roster: Roster
    private let journal = StageThread<JournalEvent>(name: "journal")
    private let apply = StageThread<ApplyEvent>(name: "apply")
    private let snapshot = StageThread<SnapshotEvent>(name: "snapshot")
    private let metrics: NodeMetrics
    private let failed: @Sendable (NodeError) -> Void
    private let consensusGroup: MultiThreadedEventLoopGroup
    private let clientGroup: MultiThreadedEventLoopGroup
    private let peers: NIOLoopBound<PeerDoor>
    private let lock: Handover<any DiskLock>
    private let tickMilliseconds: Int
    /// A witness has none, and no thread for it.
    private let hasState: Bool

    /// Makes all parts; none runs yet.
    init(
        _ open: OpenNode,
        _ plan: NodePlan,
        _ tls: (server: TLSContext, client: TLSContext),
        _ metrics: NodeMetrics,
        _ log: Logger,
        _ failed: @escaping @Sendable (NodeError) -> Void
    ) {
        self.metrics = metrics
        self.log = log
        self.failed = failed
        serverTLS = TLSContextSource(tls.server)
        clientTLS = TLSContextSource(tls.client)
        lock = Handover(open.lock)
        hasState = open.apply != nil
        let configuration = open.consensus.status.configuration
        view = NodeView(featureLevel: configuration.featureLevel)
        tickMilliseconds = plan.settings.times.tick
        consensusGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        clientGroup = MultiThreadedEventLoopGroup(numberOfThreads: plan.settings.clientThreads)
        let loop = consensusGroup.next()
        let host = ConsensusHost(
            open.consensus,
            on: loop,
            view: view,
            metrics: metrics,
            log: log
        )
        self.host = host
        let (view, roster) = (view, Roster(open))
        self.roster = roster
        let journalInbox = journal.inbox
        let network = PeerNetwork(
            identity: open.identity,
            cluster: plan.genesis.cluster,
            roster: roster,
            hearsLeader: { view.now.leader != .none },
            featureLevel: configuration.featureLevel,
            serverTLS: serverTLS,
            clientTLS: clientTLS,
            queueSize: plan.settings.bounds.peerQueueSize,
            inbox: host.inbox,
            snapshots: snapshot.inbox,
            repairs: { journalInbox.post(.repair(from: $0, group: $1, bytes: $2)) },
            metrics: metrics,
            log: log,
            source: plan.dialSource
        )
        peers = Self.peers(network, on: loop)
        let context = DoorContext(
            identity: open.identity,
            cluster: plan.genesis.cluster,
            roster: roster,
            listeners: plan.settings.advertised,
            bounds: plan.settings.bounds,
            tls: serverTLS,
            consensus: host.inbox,
            apply: apply.inbox,
            journal: journal.inbox,
            view: view,
            status: { host.status() },
            metrics: metrics,
            log: log
        )
        let loops = Array(clientGroup.makeIterator())
        let desks = loops.enumerated().map { place, loop in
            Desk(context, place: place, of: loops.count, on: loop, access: open.access)
        }
        doors = Doors(context, desks, group: clientGroup)
    }

    /// The peers' connections; made here, used on the loop alone.
    static func peers(
        _ network: PeerNetwork,
        on loop: any EventLoop
    ) -> NIOLoopBound<PeerDoor> {
        // Waiting is fine: the loop is new and has nothing else to do.
        do {
            return try loop.submit { NIOLoopBound(PeerDoor(network, on: loop), eventLoop: loop) }
                .wait()
        } catch {
            preconditionFailure("a new event loop refused its first work: \(error)")
        }
    }

    /// Starts the threads of the journal and of the state.
    func startStages(_ open: OpenNode) {
        let statistics = open.journal.statistics
        view.update { $0.numbers.journal = statistics }
        let (view, metrics, desks, consensus) = (view, metrics, doors.desks, host.inbox)
        let journalStage = Handover(open.journal)
        let (peers, loop, log) = (peers, consensusGroup.next(), log)
        let send: @Sendable ([PeerFrame], [PeerFault]) -> Void = { frames, faults in
            loop.execute {
                peers.value.send(bulk: frames)
                for fault in faults { peers.value.disconnect(fault.peer, fault.reason) }
            }
        }
        journal.start {
            .journal(journalStage.value, to: consensus, view: view, metrics: metrics, send: send)
        } failed: { [self] error in
            fail(error)
        }
        if let stage = open.apply {
            startApplying(stage)
        }
        let (snapshotStage, snapshotInbox) = (Handover(open.snapshot), snapshot.inbox)
        snapshot.start {
            .snapshot(
                snapshotStage.value,
                to: consensus,
                view: view,
                log: log,
                send: send,
                again: { snapshotInbox.post(.resume) }
            )
        } failed: { [self] error in
            fail(error)
        }
        for desk in desks.all { desk.loop.execute { desk.start() } }
    }

    /// Starts the thread of the state.
    private func startApplying(_ stage: ApplyStage) {
        view.applied(StageNumbers.State(stage), stage.statistics)
        let (view, metrics, desks, consensus) = (view, metrics, doors.desks, host.inbox)
        let (applyStage, applyInbox) = (Handover(stage), apply.inbox)
        apply.start {
            .apply(
                applyStage.value,
                to: consensus,
                view: view,
                metrics: metrics,
                reply: { desks.post(&$0) },
                publish: { desks.publish($0) },
                again: { applyInbox.post(.resume) }
            )
        } failed: { [self] error in
            fail(error)
        }
    }

    /// Starts consensus, listens for peers and dials them.
    ///
    /// - Returns: The port on which peers are awaited.
    func startPeers(_ plan: NodePlan) async throws -> Int {
        let address = plan.settings.listeners.peer
        let (peers, host, desks) = (peers, host, doors.desks)
        let (journal, apply, snapshot) = (journal.inbox, apply, snapshot.inbox)
        let (failed, tick) = (failed, tickMilliseconds)
        let loop = consensusGroup.next()
        return try await loop.flatSubmit {
            let door = peers.value
            host.start(
                ConsensusHost.Outlets(
                    journal: journal,
                    apply: apply,
                    snapshots: snapshot,
                    membersChanged: { door.membersChanged($0, leader: $1) },
                    send: { door.send($0) },
                    flush: { door.flush() },
                    disconnect: { door.disconnect($0.peer, $0.reason) },
                    reply: { desks.post(&$0) },
                    fail: failed
                ),
                tickMilliseconds: tick
            )
            return door.start(address)
        }.get()
    }

    /// Ends everything that was started.
    func stop(listeners: [any Channel]) async {
        for listener in listeners {
            do {
                try await listener.close()
            } catch {
                // It was closed before.
                log.debug("a listener was closed already", metadata: ["reason": "\(error)"])
            }
        }
        await doors.close()
        let (peers, host) = (peers, host)
        await withCheckedContinuation { continuation in
            consensusGroup.next().execute {
                peers.value.stop()
                host.stop()
                continuation.resume()
            }
        }
        let hasJournalEnded = journal.stop(withinMilliseconds: RuntimeLimits.journalEndMilliseconds)
        if !hasJournalEnded {
            log.error("the journal did not end in time; the next start recovers it")
        }
        let hasStateEnded =
            !hasState || apply.stop(withinMilliseconds: RuntimeLimits.stateEndMilliseconds)
        if !hasStateEnded {
            log.error("the state did not end in time; the next start applies the log again")
        }
        let hasSnapshotEnded = snapshot.stop(
            withinMilliseconds: RuntimeLimits.stateEndMilliseconds
        )
        if !hasSnapshotEnded { log.error("a snapshot under way did not end in time") }
        // A thread that still writes keeps others out until the process ends.
        if hasJournalEnded, hasStateEnded, hasSnapshotEnded { lock.value.release() }
        do {
            try await clientGroup.shutdownGracefully()
            try await consensusGroup.shutdownGracefully()
        } catch {
            log.error("an event loop did not end", metadata: ["reason": "\(error)"])
        }
    }

    private func fail(_ error: any Error) {
        let failure: NodeError
        switch error {
        case let error as StorageError: failure = NodeError(error)
        case let error as StateMachineError: failure = NodeError(error)
        default: failure = NodeError(.inputOutput, "\(error)")
        }
        failed(failure)
    }
}
