internal import CadastreDisk
internal import CadastreStateMachine
internal import RaftCore

/// What the next start is to know of a state that could not be kept.
extension ApplyStage {
    /// Runs a turn's work; where it fails for good, and another start with the same database would
    /// fail as well, leaves a mark beside it.
    func leavingMark<Result>(
        _ work: () throws(StateMachineError) -> Result
    ) throws(StateMachineError) -> Result {
        do throws(StateMachineError) {
            return try work()
        } catch {
            if let markFile, let mark = StateMark(of: error, behind: stateMark) {
                // The process ends with the failure that it had. If the disk takes no mark either, the
                // next start finds by itself what it can find.
                try? markFile.write(mark)
                stateMark = mark
            }
            throw error
        }
    }

    /// A leader's digest was equal at this entry: a divergence of before is settled.
    func foundEqual(at index: LogIndex) {
        guard let stateMark, index >= stateMark.firstDifferent else { return }
        do throws(DiskError) {
            try markFile?.remove()
            self.stateMark = nil
        } catch {
            // Tried again with the next one; with the mark a divergence yet to come is judged harder.
            return
        }
    }
}
