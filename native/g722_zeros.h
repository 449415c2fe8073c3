/* The zeros of a G.722 predictor (blocks UPZERO, DELAYA and FILTEZ), all six at once: half of the codec's work when done one by one.
 *
 * b: coefficients, the last two lanes always 0. d: quantised differences, doubled and saturated, newest first. */
#pragma once
#include <stdint.h>

#if defined(__SSE2__)
#include <emmintrin.h>

/* (x * y) >> 15 of eight 16-bit lanes, summed in 32 bits */
static inline int32_t sum_products(__m128i x, __m128i y)
{
    __m128i low = _mm_mullo_epi16(x, y), high = _mm_mulhi_epi16(x, y);
    __m128i sum = _mm_add_epi32(_mm_srai_epi32(_mm_unpacklo_epi16(low, high), 15), _mm_srai_epi32(_mm_unpackhi_epi16(low, high), 15));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, _MM_SHUFFLE(1, 0, 3, 2)));
    sum = _mm_add_epi32(sum, _mm_shuffle_epi32(sum, _MM_SHUFFLE(2, 3, 0, 1)));
    return _mm_cvtsi128_si32(sum);
}

/* Adapt to the difference `now`, take it into the delay line (as `doubled`), return the filter's output before it is saturated. */
static inline int32_t zeros_step(int16_t *b, int16_t *d, int32_t now, int32_t doubled)
{
    const __m128i six = _mm_set_epi16(0, 0, -1, -1, -1, -1, -1, -1);
    __m128i taps = _mm_loadu_si128((const __m128i *)b), line = _mm_loadu_si128((const __m128i *)d);
    __m128i differs = _mm_srai_epi16(_mm_xor_si128(_mm_set1_epi16((int16_t)now), line), 15);
    __m128i step = _mm_and_si128(_mm_set1_epi16(now ? 128 : 0), six);
    __m128i leak = _mm_set1_epi16(32640);
    __m128i leaked = _mm_or_si128(_mm_slli_epi16(_mm_mulhi_epi16(taps, leak), 1), _mm_srli_epi16(_mm_mullo_epi16(taps, leak), 15));
    taps = _mm_adds_epi16(leaked, _mm_sub_epi16(_mm_xor_si128(step, differs), differs));
    taps = _mm_and_si128(taps, six);
    line = _mm_insert_epi16(_mm_slli_si128(line, 2), (int16_t)doubled, 0);
    _mm_storeu_si128((__m128i *)b, taps);
    _mm_storeu_si128((__m128i *)d, line);
    return sum_products(taps, line);
}

#else

static inline int32_t zeros_step(int16_t *b, int16_t *d, int32_t now, int32_t doubled)
{
    int32_t step = now ? 128 : 0, total = 0;
    for (int i = 7; i >= 0; i--) {
        if (i < 6) {
            int32_t tap = ((b[i] * 32640) >> 15) + ((now ^ d[i]) >= 0 ? step : -step);
            b[i] = (int16_t)(tap > 32767 ? 32767 : tap < -32768 ? -32768 : tap);
        }
        d[i] = (int16_t)(i ? d[i - 1] : doubled);
        total += (b[i] * d[i]) >> 15;
    }
    return total;
}

#endif
