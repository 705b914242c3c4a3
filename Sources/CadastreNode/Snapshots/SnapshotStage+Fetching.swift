internal import CadastreProtocol
internal import CadastreStateMachine
internal import CadastreStorage
internal import RaftCore

/// The side that lacks a snapshot: asks for it piece by piece, verifies each, and what they add up
/// to.
extension SnapshotStage {
    /// What is being fetched.
    struct Fetching {
        var snapshot: SnapshotName
        /// Who offered it; who gets the verdict.
        var peer: NodeID
        /// The last entry that it stands for.
        var position: LogPosition
        /// Nil until the manifest is here.
        var receiver: SnapshotReceiver?
        /// Chunks that were asked for and have not come.
        var asked: [UInt32] = []
        /// When what was asked for is asked again.
        var deadline: UInt64
        /// How often that was in vain, since something came.
        var silences = 0
        /// What somebody else offered since something came.
        var other: Alternative?
    }

    /// A snapshot that can be fetched instead.
    struct Alternative {
        var snapshot: SnapshotName
        var peer: NodeID
        var position: LogPosition
    }

    /// What was fetched and is being verified.
    struct Staging {
        var snapshot: SnapshotName
        var peer: NodeID
        var start: LogStart
        /// Nil once it is verified, and waits for its installation.
        var state: StagedState?
        var isUnderWay: Bool { state != nil }
    }

    /// What is asked for and does not come is asked for again after so long, in nanoseconds.
    private static let patience: UInt64 = 2_000_000_000
    /// After so long it is asked of somebody else, if one offers: whoever offers leads, and who led
    /// before may be gone.
    private static let patienceBesideAnother: UInt64 = 500_000_000
    /// A peer that answers nothing so often is given up; what came is kept.
    private static let maximumSilences = 5
    /// Chunks on their way at one time, and their bytes: the next is read while one is sent, and all
    /// fit into the sender's queue.
    private static let window = (chunks: 4, bytes: 8 * 1_048_576)

    /// Whether this node lacks what only a snapshot brings, and one is on its way.
    package var isFetching: Bool { fetching != nil || staging != nil }

    /// A message about a snapshot came.
    func received(
        _ bytes: [UInt8],
        from peer: NodeID,
        _ group: GroupID,
        at now: UInt64,
        into output: inout SnapshotOutput
    ) {
        let message: SnapshotMessage
        do throws(ProtocolError) {
            guard group == self.group else { throw ProtocolError(.malformed, "of group \(group)") }
            message = try SnapshotMessage(decoding: bytes)
        } catch {
            output.peerFaults.append(PeerFault(peer: peer, reason: "\(error)"))
            return
        }
        switch message.body {
        case .offer(let position):
            offered(message.snapshot, position, by: peer, at: now, into: &output)
        case .manifest(let bytes):
            take(manifest: bytes, of: message.snapshot, from: peer, at: now, into: &output)
        case .chunk(let number, let bytes):
            take(number, bytes, of: message.snapshot, from: peer, at: now, into: &output)
        case .gone:
            guard fetching?.snapshot == message.snapshot, fetching?.peer == peer else { return }
            // Whoever leads offers another one when we still need it.
            endFetch("it is not there any more", keepingFile: true, into: &output)
        case .fetchManifest, .fetchChunk, .taken, .declined:
            answer(message, from: peer, at: now, into: &output)
        }
    }

    private func offered(
        _ snapshot: SnapshotName,
        _ position: LogPosition,
        by peer: NodeID,
        at now: UInt64,
        into output: inout SnapshotOutput
    ) {
        guard position.index > settledThrough else {
            send(SnapshotMessage(snapshot, .declined), to: peer, into: &output)
            return
        }
        // What is verified waits for its installation: a second one would take its file.
        guard staging == nil else { return }
        let offer = Alternative(snapshot: snapshot, peer: peer, position: position)
        if let fetching {
            guard fetching.snapshot != snapshot || fetching.peer != peer else { return }
            // One that comes in goes on, from whomever: it serves as well as a newer one, since the
            // log behind it is kept. Another offer is for when it stops.
            guard fetching.silences > 0 else {
                let deadline = min(fetching.deadline, now + Self.patienceBesideAnother)
                if fetching.other == nil { self.fetching?.deadline = deadline }
                self.fetching?.other = offer
                return
            }
        }
        fetch(offer, at: now, into: &output)
    }

    private func fetch(_ offer: Alternative, at now: UInt64, into output: inout SnapshotOutput) {
        fetching = Fetching(
            snapshot: offer.snapshot,
            peer: offer.peer,
            position: offer.position,
            deadline: now
        )
        if !identity.isWitness {
            output.notes.append(
                "fetches a snapshot through \(offer.position) from node \(offer.peer)"
            )
        }
        tendFetch(at: now, into: &output)
    }

    private func take(
        manifest bytes: [UInt8],
        of snapshot: SnapshotName,
        from peer: NodeID,
        at now: UInt64,
        into output: inout SnapshotOutput
    ) {
        guard fetching?.snapshot == snapshot, fetching?.receiver == nil, fetching?.peer == peer
        else { return }
        do throws(StorageError) {
            let manifest = try SnapshotManifest(decoding: bytes)
            guard SnapshotName(manifest.id) == snapshot,
                manifest.start.position == fetching?.position
            else { throw .refusedSnapshot(reason: "its manifest is not the one that was offered") }
            if identity.isWitness {
                takeStart(manifest, from: peer, into: &output)
                return
            }
            fetching?.receiver = try store.receive(
                manifest,
                group: group,
                notOlderThan: settledThrough.next
            )
            heard(at: now)
        } catch {
            endFetch("\(error)", into: &output)
        }
    }

    private func take(
        _ number: UInt32,
        _ bytes: [UInt8],
        of snapshot: SnapshotName,
        from peer: NodeID,
        at now: UInt64,
        into output: inout SnapshotOutput
    ) {
        // What was not asked for, or comes a second time, is dropped.
        guard fetching?.snapshot == snapshot, fetching?.peer == peer,
            let receiver = fetching?.receiver, fetching?.asked.contains(number) == true
        else { return }
        fetching?.asked.removeAll { $0 == number }
        do throws(StorageError) {
            guard try receiver.receive(bytes, chunk: Int(number)) != .wrong else {
                throw .refusedSnapshot(reason: "chunk \(number) is not what its manifest says")
            }
            heard(at: now)
        } catch {
            endFetch("\(error)", into: &output)
        }
    }

    /// A witness takes what the manifest says of the log, and none of the state.
    private func takeStart(
        _ manifest: SnapshotManifest,
        from peer: NodeID,
        into output: inout SnapshotOutput
    ) {
        guard let fetching else { return }
        self.fetching = nil
        guard manifest.group == group, manifest.start.position.index > settledThrough else {
            return
        }
        output.notes.append(
            "the log begins anew behind \(manifest.start.position), where node \(peer) has a snapshot"
        )
        output.results.append(.started(manifest.start))
        send(SnapshotMessage(fetching.snapshot, .taken), to: peer, into: &output)
    }

    private func heard(at now: UInt64) {
        fetching?.silences = 0
        fetching?.other = nil
        fetching?.deadline = now + Self.patience
    }

    /// Asks for what is still missing, and begins to verify when nothing is.
    func tendFetch(at now: UInt64, into output: inout SnapshotOutput) {
        guard var current = fetching else { return }
        if current.deadline <= now {
            if current.silences >= Self.maximumSilences {
                endFetch("no answer comes", keepingFile: true, into: &output)
                return
            }
            if !current.asked.isEmpty || current.receiver == nil {
                if let other = current.other { return fetch(other, at: now, into: &output) }
                current.silences += 1
            }
            current.asked.removeAll()
            current.deadline =
                now + (current.other == nil ? Self.patience : Self.patienceBesideAnother)
            if current.receiver == nil {
                send(
                    SnapshotMessage(current.snapshot, .fetchManifest),
                    to: current.peer,
                    into: &output
                )
            }
        }
        fetching = current
        guard let receiver = current.receiver else { return }
        do throws(StorageError) {
            switch try receiver.step() {
            case .looking, .verifying: break
            case .fetching: ask(receiver, into: &output)
            case .complete: beginStaging(current, receiver, into: &output)
            case .over: fetching = nil
            }
        } catch {
            endFetch("\(error)", into: &output)
        }
    }

    /// What is here is being read again, chunk by chunk.
    var isReading: Bool {
        switch fetching?.receiver?.stage {
        case .looking, .verifying: true
        case .fetching, .complete, .over, nil: false
        }
    }

    /// Asks for chunks that are missing, as many as may be on their way.
    private func ask(_ receiver: SnapshotReceiver, into output: inout SnapshotOutput) {
        guard let current = fetching else { return }
        let window = min(Self.window.chunks, Self.window.bytes / receiver.manifest.chunkSize)
        let wanted = receiver.missing(maximumCount: 2 * window).map { UInt32($0) }
            .filter { !current.asked.contains($0) }
        for number in wanted.prefix(max(0, window - current.asked.count)) {
            fetching?.asked.append(number)
            send(
                SnapshotMessage(current.snapshot, .fetchChunk(number)),
                to: current.peer,
                into: &output
            )
        }
    }

    private func beginStaging(
        _ fetched: Fetching,
        _ receiver: SnapshotReceiver,
        into output: inout SnapshotOutput
    ) {
        fetching = nil
        let manifest = receiver.manifest
        do throws(StateMachineError) {
            let state = try StateMachine.stage(
                path: receiver.path,
                on: disk,
                identity: identity.ofState,
                expecting: manifest.start.position,
                digest: StateDigest(high: manifest.digestHigh, low: manifest.digestLow),
                settings: settings.stateMachine
            )
            staging = Staging(
                snapshot: fetched.snapshot,
                peer: fetched.peer,
                start: manifest.start,
                state: state
            )
        } catch {
            decline(fetched.snapshot, of: fetched.peer, "\(error)", into: &output)
        }
    }

    /// Goes on verifying.
    func stage(into output: inout SnapshotOutput) {
        guard let current = staging, let state = current.state else { return }
        do throws(StateMachineError) {
            guard try state.step(maximumRows: settings.maximumVerifiedPerTurn) else { return }
            staging?.state = nil
            guard let verified = state.verified else {
                preconditionFailure("a staged state is done and cannot be installed")
            }
            output.results.append(.staged(current.start, verified))
            send(SnapshotMessage(current.snapshot, .taken), to: current.peer, into: &output)
        } catch {
            staging = nil
            decline(current.snapshot, of: current.peer, "\(error)", into: &output)
        }
    }

    /// The state goes on from there.
    func settle(_ position: LogPosition, into output: inout SnapshotOutput) {
        settledThrough = max(settledThrough, position.index)
        if let staging, staging.start.position.index <= settledThrough {
            staging.state?.giveUp()
            self.staging = nil
            discard(into: &output)
        }
        if let fetching, fetching.position.index <= settledThrough {
            self.fetching = nil
            discard(into: &output)
        }
    }

    /// Removes what was fetched.
    private func discard(into output: inout SnapshotOutput) {
        do throws(StorageError) {
            try store.removePartial()
        } catch {
            output.notes.append("what was fetched cannot be removed yet: \(error)")
        }
    }

    /// It does not come, or is wrong.
    private func endFetch(
        _ reason: String,
        keepingFile: Bool = false,
        into output: inout SnapshotOutput
    ) {
        guard let fetching else { return }
        self.fetching = nil
        decline(
            fetching.snapshot,
            of: fetching.peer,
            reason,
            keepingFile: keepingFile,
            into: &output
        )
    }

    /// Says so to the operator and to the peer.
    ///
    /// What is kept is for the next offer of the same snapshot.
    private func decline(
        _ snapshot: SnapshotName,
        of peer: NodeID,
        _ reason: String,
        keepingFile: Bool = false,
        into output: inout SnapshotOutput
    ) {
        if !keepingFile { discard(into: &output) }
        output.notes.append("a snapshot of node \(peer) is not used: \(reason)")
        send(SnapshotMessage(snapshot, .declined), to: peer, into: &output)
    }
}
