internal import CadastreDisk
internal import CadastreNode
internal import CadastreTLS
internal import Logging
internal import NIOCore
internal import NIOPosix
internal import RaftCore

/// Mends the journal of a node that cannot start, over the peers' connections, before it is started.
///
/// There are no stages yet: what peers say about consensus is dropped, so the node neither votes nor
/// acknowledges.
enum JournalMending {
    /// Mends it, however long that takes.
    ///
    /// - Parameters:
    ///   - plan: Settings and genesis.
    ///   - log: For what an operator should know.
    /// - Returns: False if it is not the journal that is damaged.
    /// - Throws: `NodeError` if it cannot be mended, with what to do; `CancellationError`, after which
    ///   the next start begins anew.
    static func run(_ plan: NodePlan, log: Logger) async throws -> Bool {
        let damaged = try NodeFolder.damaged(
            plan.settings.directory,
            on: PosixDisk(),
            founding: plan.founding.configuration,
            settings: plan.nodeSettings,
            seed: UInt64.random(in: 1 ... .max)
        )
        guard let damaged else { return false }
        defer { damaged.lock.release() }
        log.warning("\(damaged.description)")
        let roster = Roster(damaged.configuration, of: damaged.identity)
        let tls: (server: TLSContext, client: TLSContext)
        do {
            tls = try plan.tls(of: roster.own)
        } catch {
            damaged.repair.close()
            throw error
        }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let thread = StageThread<RepairEvent>(name: "repair")
        let events = thread.inbox
        let peers = NodeParts.peers(
            PeerNetwork(
                identity: damaged.identity,
                cluster: plan.genesis.cluster,
                roster: roster,
                hearsLeader: { true },
                featureLevel: damaged.configuration.featureLevel,
                serverTLS: TLSContextSource(tls.server),
                clientTLS: TLSContextSource(tls.client),
                queueSize: plan.settings.bounds.peerQueueSize,
                inbox: closed(),
                snapshots: closed(),
                repairs: { events.post(.received(from: $0, group: $1, bytes: $2)) },
                metrics: NodeMetrics(),
                log: log,
                // As the node itself dials, or whoever lies between would not know it.
                source: plan.dialSource
            ),
            on: group.next()
        )
        let (outcomes, report) = AsyncStream.makeStream(of: NodeError?.self)
        let repair = Handover(damaged.repair)
        let loop = group.next()
        thread.start {
            .repair(
                repair.value,
                log: log,
                send: { frames, faults in
                    loop.execute {
                        peers.value.send(bulk: frames)
                        for fault in faults { peers.value.disconnect(fault.peer, fault.reason) }
                    }
                },
                again: { events.post(.resume) },
                done: { report.yield(nil) }
            )
        } failed: { error in
            report.yield(error as? NodeError ?? NodeError(.inputOutput, "\(error)"))
        }
        var failure: (any Error)? = CancellationError()
        do {
            let address = plan.settings.listeners.peer
            _ = try await loop.flatSubmit { peers.value.start(address) }.get()
            for await outcome in outcomes {
                failure = outcome
                break
            }
        } catch {
            failure = NodeError(
                .configuration,
                "cannot listen at \(plan.settings.listeners.peer): \(error). Check the listen "
                    + "addresses in the configuration, and whether another process uses them"
            )
        }
        _ = thread.stop(withinMilliseconds: RuntimeLimits.journalEndMilliseconds)
        // Nothing is refused by a loop that was not shut down yet.
        _ = try? await loop.submit { peers.value.stop() }.get()
        try await group.shutdownGracefully()
        if let failure { throw failure }
        return true
    }

    /// An inbox of a stage that does not run.
    private static func closed<Event>() -> Inbox<Event> {
        let inbox = Inbox<Event> {}
        inbox.close()
        return inbox
    }
}

extension StageThread.Work where Event == RepairEvent {
    /// The work of mending.
    ///
    /// - Parameters:
    ///   - repair: Used by the thread alone.
    ///   - log: For what an operator should know.
    ///   - send: Gets what goes to peers, and whose connections are to be closed.
    ///   - again: Posts ``RepairEvent/resume``, behind what came meanwhile.
    ///   - done: Told when the journal is whole.
    /// - Returns: The work.
    fileprivate static func repair(
        _ repair: JournalRepair,
        log: Logger,
        send: @escaping ([PeerFrame], [PeerFault]) -> Void,
        again: @escaping () -> Void,
        done: @escaping () -> Void
    ) -> Self {
        var output = RepairOutput()
        func turn(_ events: inout [RepairEvent]) throws(NodeError) {
            try repair.turn(&events, at: Clock.now(), into: &output)
            for note in output.notes { log.notice("\(note)") }
            if !output.frames.isEmpty || !output.peerFaults.isEmpty {
                send(output.frames, output.peerFaults)
            }
            if output.hasMore { again() }
            if output.isDone { done() }
            output.removeAll()
        }
        return Self(
            turn: { try turn(&$0) },
            idle: {
                var events = [RepairEvent.resume]
                try turn(&events)
                return true
            },
            quietMilliseconds: 20,
            close: { repair.close() }
        )
    }
}
