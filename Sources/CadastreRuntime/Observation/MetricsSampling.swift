internal import CadastreNode
internal import CadastreStateMachine
internal import CadastreStorage
internal import CoreMetrics
internal import Metrics
internal import RaftCore

/// What the stages count by themselves, as of their last turns.
struct StageNumbers: Sendable {
    var journal: JournalStatistics?
    var stateMachine: StateMachineStatistics?
    var snapshots = SnapshotStatistics()
    /// What is applied, and the state's digest there.
    var applied = State()
    var journalQueue = 0
    var applyQueue = 0
    var consensusQueue = 0

    /// The state at one index.
    struct State: Sendable {
        /// Everything through here is applied.
        var index = LogIndex.zero
        /// The digest that the state has there; empty before the apply stage has said anything.
        var digest: [UInt8] = []

        /// Nothing is known yet.
        init() {}

        /// As an apply stage has it now.
        init(_ stage: ApplyStage) {
            let (position, digest) = stage.digest
            index = position.index
            self.digest = digest.bytes
        }
    }
}

extension NodeMetrics {
    /// Puts what the stages counted on the page; called when somebody asks for it.
    func sample(_ status: ConsensusStatus, _ numbers: StageNumbers) {
        set("cadastre_is_leader", status.role == .leader ? 1 : 0)
        let own = status.configuration.member(status.node)
        set("cadastre_is_witness", own?.role == .witness ? 1 : 0)
        set("cadastre_term", status.term.value)
        set("cadastre_last_index", status.lastIndex.value)
        set("cadastre_persisted_index", status.persistedIndex.value)
        set("cadastre_commit_index", status.commitIndex.value)
        set("cadastre_applied_index", status.appliedIndex.value)
        set("cadastre_waiting_commands", UInt64(status.waitingCommands))
        set("cadastre_waiting_command_bytes", UInt64(status.waitingSize))
        set("cadastre_entry_cache_bytes", UInt64(status.cachedSize))
        for peer in status.peers {
            set("cadastre_peer_connected", peer.isConnected ? 1 : 0, [("peer", "\(peer.node)")])
        }
        set("cadastre_queue_events", UInt64(numbers.consensusQueue), [("stage", "consensus")])
        set("cadastre_queue_events", UInt64(numbers.journalQueue), [("stage", "journal")])
        set("cadastre_queue_events", UInt64(numbers.applyQueue), [("stage", "apply")])
        if let journal = numbers.journal { sample(journal) }
        if let state = numbers.stateMachine { sample(state) }
        sample(numbers.snapshots)
        total("cadastre_log_lines_dropped_total", LogWriter.standardError.dropped)
    }

    private func sample(_ journal: JournalStatistics) {
        total("cadastre_journal_syncs_total", UInt64(journal.syncs))
        total("cadastre_journal_bytes_total", UInt64(journal.bytes))
        total("cadastre_journal_entries_total", UInt64(journal.entries))
        total("cadastre_journal_entry_bytes_total", UInt64(journal.entryBytes))
        total("cadastre_journal_late_preparations_total", UInt64(journal.latePreparations))
        set("cadastre_journal_segments", UInt64(journal.segments))
    }

    private func sample(_ snapshots: SnapshotStatistics) {
        set("cadastre_snapshot_index", snapshots.newestIndex.value)
        set("cadastre_snapshot_bytes", UInt64(snapshots.newestSize))
        set("cadastre_snapshot_time_seconds", snapshots.newestTime / 1_000)
        set("cadastre_snapshot_receiving_bytes", UInt64(snapshots.receivingSize))
        set("cadastre_snapshot_received_bytes", UInt64(snapshots.receivedSize))
        total("cadastre_scrub_bytes_total", snapshots.scrubbedBytes)
        total("cadastre_scrubs_total", snapshots.scrubs)
        total("cadastre_scrub_damages_total", snapshots.damagesFound)
        set("cadastre_scrub_ended_time_seconds", snapshots.lastScrubEnded / 1_000)
    }

    private func sample(_ state: StateMachineStatistics) {
        set("cadastre_objects", state.objects)
        total("cadastre_apply_entries_total", state.entriesApplied)
        total("cadastre_apply_commands_total", state.commandsApplied)
        total("cadastre_apply_refused_total", state.commandsRefused)
        total("cadastre_queries_total", state.queriesAnswered)
        total("cadastre_state_commits_total", state.commits)
        total("cadastre_state_checkpoints_total", state.checkpoints)
        total("cadastre_state_reapplications_total", state.reapplications)
    }

    private func set(_ name: String, _ value: UInt64, _ labels: [(String, String)] = []) {
        Gauge(label: name, dimensions: labels, factory: factory).record(value)
    }

    /// Sets a count that another part keeps.
    private func total(_ name: String, _ value: UInt64) {
        factory.store(Int64(clamping: value), in: name)
    }
}
