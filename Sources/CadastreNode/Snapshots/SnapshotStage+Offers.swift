internal import CadastreDisk
internal import CadastreProtocol
internal import CadastreStorage
internal import RaftCore

/// The side that holds a snapshot: offers it, answers questions, and says when a peer does not take
/// it.
extension SnapshotStage {
    /// What a peer was offered.
    struct Offer {
        var peer: NodeID
        /// What it must stand for, to be of use: there the log of this node begins.
        ///
        /// After a peer's snapshot took the place of that log, the own ones are older.
        var least: LogIndex
        /// Nil while there is none to offer.
        var snapshot: SnapshotName?
        /// When it is offered again, or given up.
        var deadline: UInt64
        /// How often it was offered in vain.
        var silences = 0
        /// The peer said that it has no use for it.
        var isDeclined = false
    }

    /// A peer that was offered one and asks nothing is reminded after so long, in nanoseconds.
    private static let patience: UInt64 = 2_000_000_000
    /// And is given up after so many times.
    private static let maximumSilences = 3
    /// A peer that declined is not offered anything for so long: it would loop.
    private static let pauseAfterDecline: UInt64 = 5_000_000_000
    /// Pieces that one peer may have asked for and not got yet.
    private static let maximumQuestions = 8

    /// The consensus stage wants a peer to have the newest snapshot.
    func offer(
        to peer: NodeID,
        atLeast least: LogIndex,
        at now: UInt64,
        into output: inout SnapshotOutput
    ) {
        // One that is told so already goes on: a new offer would only make it begin again.
        guard !offers.contains(where: { $0.peer == peer }) else { return }
        let place = offers.firstIndex { $0.peer > peer } ?? offers.count
        offers.insert(Offer(peer: peer, least: least, deadline: now + Self.patience), at: place)
        makeOffer(place, at: now, into: &output)
    }

    private func makeOffer(_ place: Int, at now: UInt64, into output: inout SnapshotOutput) {
        guard let newest = store.newest(of: group),
            newest.start.position.index >= offers[place].least
        else {
            if building == nil { output.results.append(.wanted) }
            return
        }
        let name = SnapshotName(newest.id)
        offers[place].snapshot = name
        offers[place].deadline = now + Self.patience
        send(
            SnapshotMessage(name, .offer(newest.start.position)),
            to: offers[place].peer,
            into: &output
        )
    }

    /// A snapshot that cannot be read is none: it is made anew when somebody needs one.
    func drop(
        _ name: SnapshotName,
        because error: StorageError,
        into output: inout SnapshotOutput
    ) {
        guard case .damagedSnapshot = error else { return }
        output.notes.append("a snapshot is damaged and removed: \(error)")
        do throws(StorageError) {
            try store.remove(SnapshotID(name))
        } catch {
            output.notes.append("it cannot be removed: \(error)")
        }
    }

    /// A new snapshot is there: who waits for one gets the offer.
    func offerToWaiting(at now: UInt64, into output: inout SnapshotOutput) {
        for place in offers.indices where offers[place].snapshot == nil {
            makeOffer(place, at: now, into: &output)
        }
    }

    /// Reminds and gives up.
    func tendOffers(at now: UInt64, into output: inout SnapshotOutput) {
        if let newest = store.newest(of: group)?.start.position.index,
            offers.contains(where: { $0.snapshot == nil && $0.least <= newest })
        {
            offerToWaiting(at: now, into: &output)
        }
        for place in offers.indices.reversed() where offers[place].deadline <= now {
            offers[place].silences += 1
            let isOver = offers[place].silences >= Self.maximumSilences
            guard offers[place].isDeclined || isOver else {
                makeOffer(place, at: now, into: &output)
                continue
            }
            output.results.append(.settledOffer(offers[place].peer))
            offers.remove(at: place)
        }
    }

    /// A peer asks, or settles what it was offered.
    func answer(
        _ message: SnapshotMessage,
        from peer: NodeID,
        at now: UInt64,
        into output: inout SnapshotOutput
    ) {
        if let place = offers.firstIndex(where: { $0.peer == peer }) {
            offers[place].deadline = now + Self.patience
            offers[place].silences = 0
        }
        switch message.body {
        case .fetchManifest: ask(Question(peer: peer, snapshot: message.snapshot, number: nil))
        case .fetchChunk(let number):
            ask(Question(peer: peer, snapshot: message.snapshot, number: number))
        case .taken:
            offers.removeAll { $0.peer == peer }
            // It goes on from there, or had all of that already. What it told Raft of it may have been
            // lost: asked again it says so, and nothing else would ask.
            output.results.append(.settledOffer(peer))
        case .declined:
            guard let place = offers.firstIndex(where: { $0.peer == peer }) else { return }
            guard store.manifest(of: SnapshotID(message.snapshot)) != nil else {
                // Of use, but gone while it was fetched, for a newer one or for its damage.
                offers[place].snapshot = nil
                return makeOffer(place, at: now, into: &output)
            }
            offers[place].isDeclined = true
            offers[place].deadline = now + Self.pauseAfterDecline
        case .offer, .manifest, .chunk, .gone: break
        }
    }

    private func ask(_ question: Question) {
        // More is not asked for by a node of ours, and is asked for again.
        guard questions.count(where: { $0.peer == question.peer }) < Self.maximumQuestions
        else { return }
        questions.append(question)
    }

    /// Sends what was asked for, as fast as the rate allows.
    func answer(at now: UInt64, into output: inout SnapshotOutput) {
        while let question = questions.first, limit.isOpen(at: now) {
            questions.removeFirst()
            let message = SnapshotMessage(question.snapshot, piece(question, into: &output))
            let frames = output.frames.count
            send(message, to: question.peer, into: &output)
            limit.spend(output.frames[frames].bytes.count)
        }
    }

    private func piece(
        _ question: Question,
        into output: inout SnapshotOutput
    ) -> SnapshotMessage.Body {
        let id = SnapshotID(question.snapshot)
        guard let number = question.number else {
            return store.manifest(of: id).map { .manifest($0.encode()) } ?? .gone
        }
        do throws(StorageError) {
            return .chunk(number, try store.chunk(Int(number), of: id))
        } catch {
            drop(question.snapshot, because: error, into: &output)
            return .gone
        }
    }
}

extension SnapshotName {
    /// As peers name a snapshot.
    init(_ id: SnapshotID) {
        let words = id.hash.words
        self.init(words.0, words.1, words.2, words.3)
    }
}

extension SnapshotID {
    /// The snapshot that a peer named.
    init(_ name: SnapshotName) { self.init(SHA256.Digest(words: name.words)) }
}
