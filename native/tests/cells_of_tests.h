// Cells of shapes that no shipped cell has, in the tests' build only (BPTT_TEST_CELLS): without a recurrent
// product, with three states. Each is a row of the table and a CellMath, as in cell_table.h and cells.h.
#if defined(BPTT_ROWS)

derived({"mingru", {"a"}, {"ut", "cct"}, {input("Wu", 0), bias("bu", 0), input("Wc", 1), bias("bc", 1)}}),
    derived({"three_states",
             {"a", "c", "n"},
             {"ft", "it", "cct", "ot"},
             {joint("Wf", 0), bias("bf", 0), joint("Wi", 1), joint("Wc", 2), joint("Wo", 3), bias("bo", 3)}}),

#else

// Feng et al. 2024, arXiv 2410.01201: ut = sigmoid(Wu xt + bu), cct = Wc xt + bc, a = (1 - ut) a_prev + ut cct.
template <class T>
struct CellMath<T, find_cell("mingru")> {
  enum { u_, c_ };
  template <int N>
  static BPTT_INLINE Pack<T, N> forward(int, const Unit<T, N>& u) {
    const Pack<T, N> ut = sigmoid(u.block(u_));
    u.set(u_, ut);
    return fma(ut, u.block(c_), (1 - ut) * u.prev(a));
  }
  template <int N>
  static BPTT_INLINE void backward(int, const UnitGrad<T, N>& u) {
    const Pack<T, N> ut = u.block(u_), da = u.dy + u.d_next(a);
    u.set(u_, da * (u.block(c_) - u.prev(a)) * sigmoid_slope(ut));
    u.set(c_, da * ut);
    u.set_prev(a, da * (1 - ut));
  }
};

// An LSTM with a second cell state: n = ft n_prev + it, a = ot tanh(c + n).
template <class T>
struct CellMath<T, find_cell("three_states")> {
  enum { f, i, cc, o };
  enum { n = 2 };
  template <int N>
  static BPTT_INLINE Pack<T, N> forward(int, const Unit<T, N>& u) {
    const Pack<T, N> ft = sigmoid(u.block(f)), it = sigmoid(u.block(i)), cct = tanh(u.block(cc));
    const Pack<T, N> ot = sigmoid(u.block(o));
    const Pack<T, N> c_next = fma(ft, u.prev(c), it * cct), n_next = fma(ft, u.prev(n), it);
    u.set(f, ft), u.set(i, it), u.set(cc, cct), u.set(o, ot), u.set_next(c, c_next), u.set_next(n, n_next);
    return ot * tanh(c_next + n_next);
  }
  template <int N>
  static BPTT_INLINE void backward(int, const UnitGrad<T, N>& u) {
    const Pack<T, N> ft = u.block(f), it = u.block(i), cct = u.block(cc), ot = u.block(o);
    const Pack<T, N> t = tanh(u.after(c) + u.after(n)), da = u.dy + u.d_next(a);
    const Pack<T, N> dc = fma(da * ot, tanh_slope(t), u.d_next(c)), dn = fma(da * ot, tanh_slope(t), u.d_next(n));
    u.set(f, fma(dc, u.prev(c), dn * u.prev(n)) * sigmoid_slope(ft));
    u.set(i, fma(dc, cct, dn) * sigmoid_slope(it));
    u.set(cc, dc * it * tanh_slope(cct));
    u.set(o, da * t * sigmoid_slope(ot));
    u.set_prev(c, dc * ft), u.set_prev(n, dn * ft), u.set_prev(a, {});
  }
};

#endif
