internal import CadastreProtocol
internal import CadastreStorage
internal import RaftCore

/// What goes on, in words for people.
extension Message {
    /// What it says, on a line.
    var words: String {
        switch body {
        case .requestVote(let request):
            let what =
                switch request.purpose {
                case .preVote: "would you vote for me in"
                case .election: "vote for me in"
                case .transfer: "vote for me, as our leader wants, in"
                }
            return "\(what) term \(term)? my log ends at \(request.last)"
                + (request.leaderIsGone ? ", our leader is gone" : "")
        case .requestVoteReply(let reply):
            let what = reply.purpose == .preVote ? "would vote" : "vote"
            return "\(reply.isGranted ? what : "no \(what)") in term \(term)"
        case .appendEntries(let append):
            let what =
                append.entries.first.map { first in
                    "entries \(first.position)…+\(append.entries.count - 1)"
                } ?? "nothing"
            return "term \(term): after \(append.previous) \(what), "
                + "committed \(append.commitIndex)"
        case .appendEntriesReply(let reply):
            switch reply.outcome {
            case .accepted(let match): return "term \(term): have everything through \(match)"
            case .rejected(let previous, let hint):
                return "term \(term): do not have \(previous), perhaps \(hint)"
            }
        case .heartbeat(let heartbeat):
            return "term \(term): heartbeat, committed \(heartbeat.commitIndex), "
                + "round \(heartbeat.readRound)"
        case .heartbeatReply(let reply):
            return "term \(term): heard, round \(reply.readRound)"
        case .timeoutNow: return "term \(term): stand now"
        case .readIndex(let question):
            return "term \(term): through where may I read, question \(question.round)"
        case .readIndexReply(let reply):
            return "term \(term): read through \(reply.index), question \(reply.round)"
        case .heldByAll(let held): return "term \(term): all hold through \(held.through)"
        }
    }
}

extension SnapshotMessage {
    /// What it says, in few words.
    var words: String {
        switch body {
        case .offer(let position): "take my snapshot through \(position)"
        case .fetchManifest: "what does the snapshot consist of?"
        case .manifest: "the snapshot consists of this"
        case .fetchChunk(let number): "chunk \(number) of the snapshot?"
        case .chunk(let number, let bytes): "chunk \(number), \(bytes.count) bytes"
        case .gone: "do not have that snapshot any more"
        case .taken: "have what the snapshot stands for"
        case .declined: "have no use for that snapshot"
        }
    }
}

extension JournalWrite {
    /// What it writes, in few words.
    var words: String {
        switch self {
        case .truncate(_, let index): "truncation from \(index)"
        case .entry(let entry): "entry \(entry.position)"
        case .hardState(_, let state): "term \(state.term), vote for \(state.vote)"
        case .start(_, let start): "snapshot of \(start.position)"
        }
    }
}
