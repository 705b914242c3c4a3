internal import CadastreProtocol
internal import CadastreStorage
internal import RaftCore

extension Entry {
    /// Adds the entry's commands; none for a no-op or a configuration.
    ///
    /// - Throws: `malformedEntry` when this program cannot open or cannot read one of them.
    func decodeCommands(into commands: inout [CommandEnvelope]) throws(StorageError) {
        guard case .commands = header.kind else { return }
        let items = try items()
        commands.reserveCapacity(commands.count + items.count)
        for (place, range) in items.ranges.enumerated() {
            do throws(ProtocolError) {
                commands.append(try CommandEnvelope(decoding: range, of: items.raw))
            } catch {
                throw .malformedEntry(reason: "its command \(place) cannot be read: \(error)")
            }
        }
    }
}
