/// What is still to happen, by virtual time; what is due at the same time in the order in which it
/// was planned, so that one seed is one history.
struct EventQueue<Event> {
    private struct Item {
        var time: UInt64
        var order: UInt64
        var event: Event

        func isBefore(_ other: Item) -> Bool {
            (time, order) < (other.time, other.order)
        }
    }

    /// A binary heap, the next one first.
    private var items: [Item] = []
    private var lastOrder: UInt64 = 0

    /// How much is planned.
    var count: Int { items.count }

    /// Plans an event.
    ///
    /// Cost: O(log n).
    mutating func add(_ event: Event, at time: UInt64) {
        lastOrder += 1
        items.append(Item(time: time, order: lastOrder, event: event))
        var place = items.count - 1
        while place > 0 {
            let parent = (place - 1) / 2
            guard items[place].isBefore(items[parent]) else { break }
            items.swapAt(place, parent)
            place = parent
        }
    }

    /// Takes what is next.
    ///
    /// Cost: O(log n).
    mutating func next() -> (time: UInt64, event: Event)? {
        guard let first = items.first, let last = items.popLast() else { return nil }
        if !items.isEmpty {
            items[0] = last
            sink()
        }
        return (first.time, first.event)
    }

    private mutating func sink() {
        var place = 0
        while true {
            var smallest = place
            for child in [2 * place + 1, 2 * place + 2] where child < items.count {
                if items[child].isBefore(items[smallest]) { smallest = child }
            }
            guard smallest != place else { return }
            items.swapAt(place, smallest)
            place = smallest
        }
    }
}
